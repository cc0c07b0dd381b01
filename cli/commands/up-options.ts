/** What `gennaker up` is told on the command line, checked before anything starts. */
import { UsageError } from '../failure.ts';
import { pairs } from './run.ts';

/** A context of the kubeconfig file, and the name of the target that it becomes. */
export type ClusterContext = { readonly name: string; readonly target: string };

/** The clusters to deliver to; none means the sandbox. Throws UsageError where the options do not go together. */
export function contextsOf(options: { kubeconfig?: string; context?: readonly string[] }): ClusterContext[] {
  const contexts = Object.entries(pairs('--context', 'NAME=TARGET', options.context)).map(([name, target]) => ({
    name,
    target,
  }));
  if (options.kubeconfig !== undefined && contexts.length === 0) {
    throw new UsageError('--kubeconfig needs at least one --context NAME=TARGET, which says what to deliver to.');
  }
  if (options.kubeconfig === undefined && contexts.length > 0) {
    throw new UsageError('--context needs --kubeconfig FILE, in which the contexts are.');
  }
  const targets = contexts.map(({ target }) => target);
  const twice = targets.find((target, index) => targets.indexOf(target) !== index);
  if (twice !== undefined) {
    throw new UsageError(`--context names the target ${twice} twice.`);
  }
  return contexts;
}
