/** What each trigger makes of an event, in lines for people. */
import type { ExplainedTrigger, Explanation } from '../../shared/use-cases/explain-event.ts';
import { describeVerdict } from '../requests.ts';
import { painter } from '../terminal.ts';
import { columnsTaken, count, cutTo, padTo, wrap } from '../text.ts';

const GAP = '   ';
const MAXIMUM_COLUMNS = 40;
const MINIMUM_COLUMNS = 20;

/** One line for each trigger, yes or no and why, and below it each condition with what was wanted and what came. */
export function renderExplanation(
  explanation: Explanation,
  { width, colour }: { readonly width: number; readonly colour: boolean },
): string[] {
  const paint = painter(colour);
  const { event, triggers, more } = explanation;
  const head = [paint('strong', cutTo(`${event.text}${GAP}from ${event.source}`, width))];
  if (triggers.length === 0) {
    return [...head, '  No trigger looks at such events. Those of one pipeline:  --pipeline NAME'];
  }
  const names = triggers.map(nameOf);
  const nameColumns = Math.min(MAXIMUM_COLUMNS, Math.max(...names.map(columnsTaken)));
  const lines = triggers.flatMap((trigger, index) => {
    const told = trigger.takes ? outcomeOf(trigger, explanation) : (trigger.text ?? '');
    const answer = trigger.takes ? 'yes' : 'no ';
    const prefix = `  ${padTo(cutTo(names[index] ?? '', nameColumns), nameColumns)}${GAP}${answer}${GAP}`;
    const [first = '', ...rest] = wrap(told, Math.max(MINIMUM_COLUMNS, width - columnsTaken(prefix)));
    const lines = [`${prefix}${first}`, ...rest.map((more) => ' '.repeat(columnsTaken(prefix)) + more)];
    return [...lines, ...conditionLines(trigger, width).map((each) => paint('quiet', each))];
  });
  return [...head, ...lines, ...(more === 0 ? [] : [`  and ${count(more, 'more trigger')}`])];
}

const nameOf = ({ pipeline, trigger }: ExplainedTrigger): string =>
  trigger < 0 ? pipeline : `${pipeline} / on[${trigger}]`;

function conditionLines({ conditions }: ExplainedTrigger, width: number): string[] {
  const columns = Math.max(0, ...conditions.map(({ condition }) => columnsTaken(condition)));
  return conditions.map(({ condition, wanted, got, met }) =>
    cutTo(
      `      ${met ? 'met    ' : 'not met'} ${padTo(condition, columns)}  wants ${wanted}, came ${got || 'nothing'}`,
      width,
    ),
  );
}

/** What the event started when it arrived, or what it would do. */
function outcomeOf({ pipeline, trigger }: ExplainedTrigger, { verdicts, triggers }: Explanation): string {
  const own = verdicts?.find((verdict) => verdict.pipeline === pipeline && verdict.is !== 'filtered');
  const first = triggers.find((one) => one.pipeline === pipeline && one.takes);
  if (first?.trigger !== trigger) return 'takes it, after an earlier trigger of the pipeline';
  return own === undefined ? 'would start an execution' : describeVerdict(own);
}
