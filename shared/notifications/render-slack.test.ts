import { describe, expect, it } from 'vitest';
import {
  EARLIER_IMAGE,
  executionOf,
  MINUTE_MS,
  planOf,
  START,
  stagePlan,
  transitionOf,
} from '../../test/support/execution-fixtures.ts';
import type { Plan } from '../core/plan.ts';
import type { Execution, StageView } from '../core/run.ts';
import { describeExecution } from '../use-cases/describe-execution.ts';
import { escapeMarkdown, renderSlackDetail, renderSlackMessage, type SlackMessage } from './render-slack.ts';

const PAGE = 'https://cd.example/executions/items-api-7f3k2';

/** The lines that people see. */
function linesOf(message: SlackMessage): string[] {
  return message.blocks.flatMap((block) =>
    block.type === 'section' ? block.text.text.split('\n') : block.elements.map(({ text }) => text),
  );
}

function render(more: Partial<Execution>, stages: { [id: string]: Partial<StageView> } = {}, plan: Plan = planOf()) {
  const execution = executionOf(more, stages, plan);
  return renderSlackMessage(describeExecution({ execution, plan, before: { api: EARLIER_IMAGE } }), PAGE);
}

const done = { status: 'succeeded', attempts: 1 } as const;

describe('the Slack message', () => {
  it('says what is happening', () => {
    const message = render({}, { migrate: done, canary_jp: { status: 'running', attempts: 1 } });
    expect(linesOf(message)).toEqual([
      `*items-api*  1.2.3 → 1.3.0  ● canary_jp in jp   <${PAGE}|Open>`,
      'by Aki · 4 min',
      '✔ migrate   ● canary_jp   ◌ approve   rest: ◌ us ◌ uk',
    ]);
    expect(message.text).toBe('items-api 1.2.3 → 1.3.0: canary_jp in jp');
  });

  it('says what it waits for and the command that moves it on', () => {
    const reason = {
      code: 'signal-not-received',
      text: 'approve waits for items-leads',
      unblock: 'gennaker approve 7f3k2',
    } as const;
    const message = render({}, { migrate: done, canary_jp: done, approve: { status: 'waiting', attempts: 1, reason } });
    expect(linesOf(message)).toEqual([
      `*items-api*  1.2.3 → 1.3.0  ‖ approve waits   <${PAGE}|Open>`,
      'by Aki · 4 min',
      '✔ migrate   ✔ canary_jp   ‖ approve   rest: ◌ us ◌ uk',
      'approve waits for items-leads',
      '`gennaker approve 7f3k2`',
    ]);
  });

  it('shrinks to one line at the end', () => {
    const ended = {
      is: 'ended',
      end: 'succeeded',
      at: START + 11 * MINUTE_MS,
      startedAt: START,
      promoted: [],
    } as const;
    const all = Object.fromEntries(planOf().stages.map(({ id }) => [id, done]));
    const message = render({ phase: ended }, all);
    expect(linesOf(message)).toEqual([`✔ items-api 1.3.0 in jp us uk · 11 min · by Aki · <${PAGE}|Open>`]);
    expect(message.text).toBe('✔ items-api 1.3.0 in jp us uk · 11 min · by Aki');
  });

  it('says why it failed', () => {
    const reason = { code: 'crash-loop', text: 'container api crashes: exit code 1' } as const;
    const ended = { is: 'ended', end: 'failed', at: START + 70_000, startedAt: START, promoted: [], reason } as const;
    const message = render({ phase: ended }, { migrate: done, canary_jp: { status: 'failed', attempts: 1, reason } });
    expect(linesOf(message)).toEqual([
      `✖ items-api 1.3.0 failed in jp · 1 min 10 s · by Aki · <${PAGE}|Open>`,
      'container api crashes: exit code 1',
    ]);
  });

  it('lets nobody smuggle in a mention, a link or a style', () => {
    const message = render({
      trigger: { event: 'e', source: 's', text: 't', by: '<!channel> & <https://evil.example|Open>\n*now*', at: START },
    });
    expect(linesOf(message)[1]).toBe('by &lt;!channel&gt; &amp; &lt;https://evil.example|Open&gt; *now* · 4 min');
  });

  it('stays within the limits of Slack for a hundred stages and long words', () => {
    const awkward = '&'.repeat(5_000);
    const stages = Array.from({ length: 100 }, (_, index) => stagePlan(`stage_${index}`, { target: awkward }));
    const plan = planOf({ pipeline: awkward, stages });
    const reason = { code: 'stage-failed', text: awkward, unblock: awkward } as const;
    const views = Object.fromEntries(
      stages.map(({ id }, index) => [
        id,
        { status: index % 2 === 0 ? ('running' as const) : ('failed' as const), reason },
      ]),
    );
    const live = render({ stop: { because: reason, end: 'failed', revision: 1 } }, views, plan);
    const ended = { is: 'ended', end: 'failed', at: START, startedAt: START, promoted: [], reason } as const;
    const execution = describeExecution({ execution: executionOf({ phase: ended }, views, plan), plan });
    const detail = renderSlackDetail(
      execution,
      transitionOf(2, { is: 'ended', status: 'failed', stage: 'stage_1', reason }),
      PAGE,
    );
    for (const message of [live, renderSlackMessage(execution, PAGE), detail]) {
      expect(message.text.length).toBeLessThan(4_000);
      expect(message.blocks.length).toBeLessThanOrEqual(50);
      for (const block of message.blocks) {
        for (const { text } of block.type === 'section' ? [block.text] : block.elements) {
          expect(text.length).toBeGreaterThan(0);
          expect(text.length).toBeLessThanOrEqual(3_000);
        }
      }
    }
  });

  it('escapes what Slack reads as markup, and nothing twice', () => {
    expect(escapeMarkdown('a < b && c > d')).toBe('a &lt; b &amp;&amp; c &gt; d');
  });
});
