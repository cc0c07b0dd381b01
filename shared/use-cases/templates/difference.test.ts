import { describe, expect, it } from 'vitest';
import { differenceOf, type TemplateSurface } from './difference.ts';

const BEFORE: TemplateSurface = {
  inputs: {
    image: { type: 'string', required: true },
    port: { type: 'number', minimum: 1, maximum: 65_535, default: 8080 },
    tier: { type: 'choice', choices: ['small', 'large'] },
    env: { type: 'list', of: { type: 'object', fields: { name: { type: 'string', required: true } } } },
    replicas: { type: 'object', fields: { min: { type: 'number' }, max: { type: 'number' } } },
  },
  outputs: { url: { value: 'stages.deploy.url' } },
  places: { before_deploy: { before: 'deploy' } },
  protected: [],
  stages: { deploy: { uses: 'deploy' } },
};

const changed = (change: (surface: { -readonly [key in keyof TemplateSurface]: TemplateSurface[key] }) => void) => {
  const after = structuredClone(BEFORE);
  change(after);
  return differenceOf(BEFORE, after).map(({ path, text, isBreaking }) => `${isBreaking ? '!' : ' '} ${path} ${text}`);
};

const input = (name: string, declaration: object | undefined) =>
  changed((after) => {
    const { [name]: _, ...others } = after.inputs;
    after.inputs = declaration === undefined ? others : { ...others, [name]: declaration as never };
  });

describe('the difference of two versions of a template', () => {
  it('is nothing where they ask for the same', () => {
    expect(changed(() => undefined)).toEqual([]);
    expect(input('image', { required: true, type: 'string', default: undefined })).toEqual([]);
  });

  it.each([
    ['an input that is gone', () => input('tier', undefined), '! inputs.tier is gone'],
    [
      'a new required input',
      () => input('owner', { type: 'string', required: true }),
      '! inputs.owner is new and required',
    ],
    ['another type', () => input('port', { type: 'string' }), '! inputs.port was a number and is now a string'],
    [
      'an input that became required',
      () => input('tier', { type: 'choice', choices: ['small', 'large'], required: true }),
      '! inputs.tier is required now',
    ],
    [
      'a choice that is gone',
      () => input('tier', { type: 'choice', choices: ['small'] }),
      '! inputs.tier may not be large any more',
    ],
    [
      'a narrower number',
      () => input('port', { type: 'number', minimum: 1024, maximum: 65_535, default: 8080 }),
      '! inputs.port must be from 1024 to 65535 now',
    ],
    [
      'a pattern',
      () => input('image', { type: 'string', required: true, pattern: '.*@.*' }),
      '! inputs.image must match .*@.* now',
    ],
    [
      'a field that is gone',
      () => input('replicas', { type: 'object', fields: { min: { type: 'number' } } }),
      '! inputs.replicas.max is gone',
    ],
    [
      'other entries of a list',
      () => input('env', { type: 'list', of: { type: 'string' } }),
      '! inputs.env[] was an object and is now a string',
    ],
    [
      'an output that is gone',
      () =>
        changed((after) => {
          after.outputs = {};
        }),
      '! outputs.url is gone',
    ],
    [
      'a place that is gone',
      () =>
        changed((after) => {
          after.places = {};
        }),
      '! places.before_deploy is gone',
    ],
  ])('breaks: %s', (_, difference, expected) => {
    expect(difference()).toEqual([expected]);
  });

  it.each([
    ['a new input', () => input('owner', { type: 'string' }), '  inputs.owner is new'],
    [
      'another default',
      () => input('port', { type: 'number', minimum: 1, maximum: 65_535, default: 80 }),
      '  inputs.port is 80 by default, not 8080',
    ],
    [
      'a further choice',
      () => input('tier', { type: 'choice', choices: ['small', 'medium', 'large'] }),
      '  inputs.tier may be medium too',
    ],
    [
      'wider bounds',
      () => input('port', { type: 'number', minimum: 0, maximum: 65_535, default: 8080 }),
      '  inputs.port may be from 0 to 65535 now',
    ],
    [
      'an input that is required no more',
      () => input('image', { type: 'string' }),
      '  inputs.image is not required any more',
    ],
    [
      'a protected stage',
      () =>
        changed((after) => {
          after.protected = ['deploy'];
        }),
      '  deploy is protected now',
    ],
    [
      'other work',
      () =>
        changed((after) => {
          after.stages = { deploy: { uses: 'deploy', timeout: '5m' } };
        }),
      '  stages.deploy does its work in another way',
    ],
  ])('does not break: %s', (_, difference, expected) => {
    expect(difference()).toEqual([expected]);
  });

  it('tells first what breaks', () => {
    const difference = changed((after) => {
      after.inputs = { ...after.inputs, extra: { type: 'string' } };
      after.outputs = {};
    });
    expect(difference).toEqual(['! outputs.url is gone', '  inputs.extra is new']);
  });
});
