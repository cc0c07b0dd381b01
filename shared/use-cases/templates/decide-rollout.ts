/** What a person decides about a rollout: all of it back, on in spite of a failure; and about a version: that it is to be left. */
import { didYouMean } from '../../pipeline/nearest.ts';
import type { Rollout, TemplateRecord } from '../../ports/templates.ts';
import { advanceRollout, isResting, withRollout } from './advance-rollouts.ts';
import { MAXIMUM_TEMPLATES } from './library.ts';
import type { RolloutPorts } from './ports.ts';
import { markActive } from './publish.ts';

const TRIES = 5;

export type Decided =
  | { readonly is: 'decided'; readonly record: TemplateRecord }
  | { readonly is: 'unknown'; readonly message: string }
  | { readonly is: 'refused'; readonly message: string };

/** Withdraws the version of the last rollout and puts back the locks that it moved. The tick goes on where there are many. */
export async function rollBackTemplate(
  ports: RolloutPorts,
  { template, by }: { readonly template: string; readonly by: string },
): Promise<Decided> {
  const decided = await decide(ports, template, ({ rollout, versions }) => {
    if (rollout === undefined) return `${template} has no rollout.`;
    const { state, version } = rollout;
    if (state.is === 'goingBack') return { rollout };
    if (state.is === 'over' && state.how === 'rolledBack') return `${template} ${version} is rolled back already.`;
    if (!versions.some((one) => one.version !== version && one.standing === 'released')) {
      return `There is no released version before ${template} ${version} to go back to.`;
    }
    return { rollout: { ...rollout, state: { is: 'goingBack', past: '', by, left: [] } } };
  });
  if (decided.is !== 'decided') return decided;
  await advanceRollout(ports, template);
  const now = await ports.templates.read({ key: template });
  return now === undefined ? decided : { is: 'decided', record: now.value };
}

/** Lets a rollout that has stopped go on: its ring begins its proof anew, and what failed before counts no more. */
export async function continueRollout(
  ports: RolloutPorts,
  { template, by }: { readonly template: string; readonly by: string },
): Promise<Decided> {
  ports.log.write('INFO', 'A rollout that had stopped goes on', { template, by });
  return decide(ports, template, ({ rollout }) => {
    if (rollout === undefined || rollout.state.is !== 'stopped') return `No rollout of ${template} has stopped.`;
    return { rollout: { ...rollout, state: { is: 'moving', since: ports.clock.now(), past: '' } } };
  });
}

/** Tells people who use the version to leave it, with `message`; without one, no more. */
export async function deprecateVersion(
  ports: RolloutPorts,
  command: { readonly template: string; readonly version: string; readonly message?: string | undefined },
): Promise<Decided> {
  const { template, version, message } = command;
  return decide(ports, template, (record) => {
    const known = record.versions.map((one) => one.version);
    if (!known.includes(version)) {
      return `${template} has no version ${version}${didYouMean(version, known) || `; there are ${known.join(', ')}`}`;
    }
    const versions = record.versions.map((one) => {
      if (one.version !== version) return one;
      const { deprecated: _, ...rest } = one;
      return message === undefined ? rest : { ...rest, deprecated: message };
    });
    return { record: { ...record, versions } };
  });
}

type Decision = string | { readonly rollout: Rollout } | { readonly record: TemplateRecord };

async function decide(
  ports: RolloutPorts,
  template: string,
  decision: (record: TemplateRecord) => Decision,
): Promise<Decided> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const found = await ports.templates.read({ key: template });
    if (found === undefined) return { is: 'unknown', message: await unknownTemplate(ports, template) };
    const decided = decision(found.value);
    if (typeof decided === 'string') return { is: 'refused', message: decided };
    const record = 'record' in decided ? decided.record : withRollout(found.value, decided.rollout);
    if (record.rollout !== undefined && !isResting(record.rollout)) {
      await markActive(ports, template, record.rollout.version);
    }
    const written = await ports.templates.write({ key: template, value: record, expected: found.version });
    if (written !== 'conflict') return { is: 'decided', record };
  }
  throw new Error(`deciding about ${template}: others changed it ${TRIES} times meanwhile; try again`);
}

/** The sentence for a template that nobody has published. */
export async function unknownTemplate({ templates }: Pick<RolloutPorts, 'templates'>, wanted: string): Promise<string> {
  const names = (await templates.list({ limit: MAXIMUM_TEMPLATES })).map(({ key }) => key);
  return `There is no template "${wanted}"${didYouMean(wanted, names) || '; gennaker get templates lists them.'}`;
}
