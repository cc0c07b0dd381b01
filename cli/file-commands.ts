/** The commands about pipeline files, for the program. */
import type { Command } from 'commander';
import { type ContextOf, collect, describe, type Finish, outputOption, type WithOutput } from './command-parts.ts';
import type { PlanOptions } from './commands/plan.ts';
import type { SimulateOptions } from './commands/simulate.ts';
import { UsageError } from './failure.ts';

export function addFileCommands(program: Command, context: ContextOf, finish: Finish): void {
  describe(program.command('validate'), 'check pipeline files; needs no running system', [
    'gennaker validate gennaker.yaml',
  ])
    .argument('<files...>', 'pipeline files')
    .addOption(outputOption())
    .action(async (files: string[], options: WithOutput) => {
      const { validate } = await import('./commands/apply.ts');
      finish(await validate(context(options), files));
    });

  describe(program.command('schema'), 'print the JSON Schema of pipelines and templates, for editors', [
    'gennaker schema > gennaker.schema.json',
  ]).action(async () => {
    const { schema } = await import('./commands/schema.ts');
    await schema(context({ output: 'text' }));
  });

  addPlanCommand(program, context, finish);

  describe(
    program.command('render'),
    'print the manifests of a pipeline as a plan carries them; needs no running system',
    ['gennaker render', 'gennaker render gennaker.yaml --image api=1.3.0 --target jp'],
  )
    .argument('[file]', 'a pipeline file', 'gennaker.yaml')
    .option('--image <name=tag>', 'an image to put in: TAG, or TAG@sha256:…; may be repeated', collect)
    .option('--input <name=value>', 'an input of the pipeline; may be repeated', collect)
    .option('--target <name>', 'the target, where the manifests depend on it')
    .addOption(outputOption())
    .action(async (file: string, options: WithOutput & { image?: string[]; input?: string[]; target?: string }) => {
      const { render } = await import('./commands/render.ts');
      finish(await render(context(options), file, options));
    });

  addApplyCommand(program, context, finish);
  addSimulateCommand(program, context, finish);

  describe(program.command('copy'), 'print a pipeline as a new file, with inputs for its names and images', [
    'gennaker copy items-api > gennaker.yaml',
    'gennaker copy items-api --out ./profile-api',
  ])
    .argument('<pipeline>', 'its name')
    .option('--out <dir>', 'write it there instead, with the files that it names')
    .addOption(outputOption())
    .action(async (pipeline: string, options: WithOutput & { out?: string }) => {
      const { copy } = await import('./commands/templates.ts');
      await copy(context(options), pipeline, options);
    });
}

function addPlanCommand(program: Command, context: ContextOf, finish: Finish): void {
  describe(program.command('plan'), 'show what pipeline files would change, of pipelines and of clusters', [
    'gennaker plan',
    'gennaker plan gennaker.yaml --image api=1.3.0',
    'gennaker plan --out plan.json && gennaker apply --plan plan.json',
  ])
    .argument('[files...]', 'pipeline files; by default gennaker.yaml')
    .option('--image <name=ref>', 'a tag to deliver of an image, or a reference; may be repeated', collect)
    .option('--input <name=value>', 'an input of the pipelines; may be repeated', collect)
    .option('--trigger <event>', 'plan what this event would start, by any unique beginning of its id')
    .option('--out <file>', 'save the plan, to be applied as it is')
    .option('--offline', 'check the files and show their stages; needs no running system')
    .option('--exit-code', 'exit with 4 where anything would change')
    .addOption(outputOption())
    .action(async (files: string[], options: WithOutput & PlanOptions) => {
      const { plan } = await import('./commands/plan.ts');
      finish(await plan(context(options), files, options));
    });
}

function addApplyCommand(program: Command, context: ContextOf, finish: Finish): void {
  describe(program.command('apply'), 'create or change pipelines, with the manifests that they name', [
    'gennaker apply gennaker.yaml',
    'gennaker apply --plan plan.json',
  ])
    .argument('[files...]', 'pipeline files')
    .option('--plan <file>', 'apply a plan that was saved with plan --out, if it still holds')
    .option('--override', 'also pipelines that a Git repository manages, until its next change; needs --reason')
    .option('--reason <text>', 'with --override: why, for those who look at it later')
    .addOption(outputOption())
    .action(async (files: string[], options: WithOutput & { plan?: string; override?: true; reason?: string }) => {
      const { override, reason } = options;
      if ((override === undefined) !== (reason === undefined)) {
        throw new UsageError('--override and --reason go together: gennaker apply FILE --override --reason "…"');
      }
      if (override !== undefined && options.plan !== undefined) {
        throw new UsageError('--override goes with files, not with a saved plan.');
      }
      if ((options.plan === undefined) === (files.length === 0)) {
        throw new UsageError('apply takes pipeline files, or a saved plan: gennaker apply --plan FILE');
      }
      if (options.plan !== undefined) {
        const { applySaved } = await import('./commands/plan.ts');
        finish(await applySaved(context(options), options.plan));
        return;
      }
      const { apply } = await import('./commands/apply.ts');
      finish(await apply(context(options), files, reason === undefined ? undefined : { reason }));
    });
}

function addSimulateCommand(program: Command, context: ContextOf, finish: Finish): void {
  describe(
    program.command('simulate'),
    'run a pipeline on virtual time and a sandbox cluster, and test it by scripts',
    [
      'gennaker simulate gennaker.yaml --image api=1.2.3',
      'gennaker simulate gennaker.yaml --event push.json --script tests/broken.yaml',
    ],
  )
    .argument('<file>', 'a pipeline file')
    .option('--event <file>', 'what starts it: { source, body } as JSON or YAML, the body as the sender sends it')
    .option('--image <name=tag>', 'start it by hand, with this tag of an image; may be repeated', collect)
    .option('--input <name=value>', 'start it by hand, with this input; may be repeated', collect)
    .option('--script <file>', 'what happens in the simulation, and what is expected; may be repeated', collect)
    .option(
      '--template <file>',
      'a template that the pipeline uses, beside those of the library; may be repeated',
      collect,
    )
    .option('--pipeline <name>', 'the pipeline, where the file has several')
    .addOption(outputOption())
    .action(async (file: string, options: WithOutput & SimulateOptions) => {
      const { simulate } = await import('./commands/simulate.ts');
      finish(await simulate(context(options), file, options));
    });
}
