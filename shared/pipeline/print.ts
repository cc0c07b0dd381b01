/** Writes a pipeline as the file that declares it. */
import { stringify } from 'yaml';
import type { Definition } from './schema.ts';

/** YAML that reads back as the same definition. Comments and the order of fields of the original are not kept. */
export function printDefinition(definition: Definition): string {
  return stringify(withoutEmpty(definition), { lineWidth: 0, version: '1.2', aliasDuplicateObjects: false });
}

/** What the language takes for granted need not be written. */
function withoutEmpty({ images, inputs, stages, ...rest }: Definition): object {
  const described = Object.entries(stages).map(([id, { uses, with: given, needs, ...stage }]) => [
    id,
    {
      ...(needs.length === 0 ? {} : { needs: needs.length === 1 ? needs[0] : needs }),
      uses,
      ...stage,
      ...(Object.keys(given).length === 0 ? {} : { with: given }),
    },
  ]);
  return {
    ...rest,
    ...(Object.keys(images).length === 0 ? {} : { images }),
    ...(Object.keys(inputs).length === 0 ? {} : { inputs }),
    stages: Object.fromEntries(described),
  };
}
