/** The mends that keep late workers from writing to clusters, each taken out again. */
import type { Mutant } from './mutants.ts';

export const CLUSTER_MUTANTS: readonly Mutant[] = [
  {
    name: 'fence',
    from: 1490,
    without: 'a lower fence is written over a higher one',
    edits: [
      {
        file: 'shared/kubernetes/conditional-write.ts',
        find: 'if (higher !== undefined) return higher;',
        replace: '',
      },
    ],
  },
  {
    name: 'fence-uid',
    without: 'an object that was deleted meanwhile is created again by an apply',
    edits: [
      {
        file: 'shared/kubernetes/conditional-write.ts',
        find: 'return { resourceVersion, uid, managedFields };',
        replace: 'return { resourceVersion, uid: uid.slice(0, 0), managedFields };',
      },
    ],
  },
  {
    name: 'conditional-write',
    without: 'an object that changed since it was read is written all the same',
    edits: [
      {
        file: 'shared/kubernetes/conditional-write.ts',
        find: 'return { resourceVersion, uid, managedFields };',
        replace: 'return { resourceVersion: resourceVersion.slice(0, 0), uid, managedFields };',
      },
    ],
  },
  {
    name: 'raised-fence',
    without: 'the stop of a stage leaves its objects open to workers that were lost',
    edits: [
      {
        file: 'shared/kubernetes/conditional-write.ts',
        find: "if (live === undefined) return { is: 'absent' };",
        replace: "if (live === undefined || fence.turn > 0) return { is: 'absent' };",
      },
    ],
  },
  {
    name: 'lock-turn',
    without: 'the next holder of a lock has the turn of the one before',
    edits: [
      {
        file: 'shared/kubernetes/service-lock.ts',
        find: 'const turn = (cell?.value.turn ?? 0) + 1;',
        replace: 'const turn = cell?.value.turn ?? 1;',
      },
    ],
  },
  {
    name: 'lock-holder-at-work',
    without: 'a lock is taken from somebody who works under it',
    edits: [
      {
        file: 'shared/kubernetes/service-lock.ts',
        find: 'if (present !== undefined && (await command.isAtWork(present)))',
        replace: 'if (present !== undefined && present.attempt < 0)',
      },
    ],
  },
  {
    name: 'lock-condition',
    without: 'a lock is taken though another took it since it was read',
    edits: [
      {
        file: 'shared/kubernetes/service-lock.ts',
        find: "(await locks.write({ key, value, expected: cell?.version ?? 'absent' }))",
        replace: "(await locks.write({ key, value, expected: (await locks.read({ key }))?.version ?? 'absent' }))",
      },
    ],
  },
];
