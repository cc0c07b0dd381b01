/** The stage kinds that commands check pipeline files by: the same as those of a system with the same environment. */
import { languageSettings, Misconfigured, readSettings } from '../functions/settings.ts';
import type { StageKinds } from '../shared/pipeline/usable.ts';
import { loadStageKinds, UnusableStageKind } from '../shared/stages/custom-kinds.ts';
import { CommandFailure } from './failure.ts';
import type { Environment } from './terminal.ts';

/** Throws CommandFailure where GENNAKER_STAGE_KINDS is not a list, or one of its modules cannot be used. */
export async function configuredKinds(environment: Environment): Promise<StageKinds> {
  try {
    return await loadStageKinds({ modules: readSettings(languageSettings, environment).GENNAKER_STAGE_KINDS });
  } catch (error) {
    if (error instanceof Misconfigured || error instanceof UnusableStageKind) {
      throw new CommandFailure(`GENNAKER_STAGE_KINDS cannot be used: ${error.message}.`, { cause: error });
    }
    throw error;
  }
}
