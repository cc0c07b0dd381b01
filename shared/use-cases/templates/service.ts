/** Everything that faces do with templates, over one set of ports. */
import { advanceRollout, advanceRollouts } from './advance-rollouts.ts';
import {
  continueRollout,
  type Decided,
  deprecateVersion,
  rollBackTemplate,
  unknownTemplate,
} from './decide-rollout.ts';
import { describeTemplate, describeTemplates, type TemplateDescription } from './describe.ts';
import { type Impact, impactOf } from './impact.ts';
import type { Library, OpenLibrary } from './library.ts';
import { type PublishCommand, type Published, type PublishPorts, publishTemplate } from './publish.ts';
import { relockPipeline, usesOf } from './relock.ts';

export type TemplateService = {
  list(): Promise<readonly TemplateDescription[]>;
  show(query: { name: string }): Promise<{ template: TemplateDescription } | { unknown: string }>;
  publish(command: PublishCommand): Promise<Published>;
  impact(query: { file: string; text: string }): Promise<Impact>;
  rollBack(command: { template: string; by: string }): Promise<Decided>;
  continueRollout(command: { template: string; by: string }): Promise<Decided>;
  deprecate(command: { template: string; version: string; message?: string | undefined }): Promise<Decided>;
  /** To be called every minute. */
  advance(): Promise<void>;
};

export type TemplateServicePorts = Omit<PublishPorts, 'usesOf' | 'relock'>;

export function templateService(given: TemplateServicePorts): TemplateService {
  /** The ports of one operation, which sees the templates as they were when it first asked for them. */
  const ports = (): PublishPorts => {
    let opened: Promise<Library> | undefined;
    const openLibrary: OpenLibrary = () => {
      opened ??= given.openLibrary();
      return opened;
    };
    return {
      ...given,
      openLibrary,
      usesOf: (pipeline) => usesOf({ openLibrary }, pipeline),
      relock: (command) => relockPipeline({ ...given, openLibrary }, command),
    };
  };
  return {
    list: () => describeTemplates(given),
    async show(query) {
      const template = await describeTemplate(given, query);
      return template === undefined ? { unknown: await unknownTemplate(given, query.name) } : { template };
    },
    async publish(command) {
      const published = await publishTemplate(ports(), command);
      // The first ring need not wait for the next minute; it sees what was published just now.
      if (published.is === 'published') await advanceRollout(ports(), published.template);
      return published;
    },
    impact: (query) => impactOf(ports(), query),
    rollBack: (command) => rollBackTemplate(ports(), command),
    continueRollout: (command) => continueRollout(ports(), command),
    deprecate: (command) => deprecateVersion(ports(), command),
    advance: () => advanceRollouts(ports()),
  };
}
