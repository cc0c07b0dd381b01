import { describe, expect, it } from 'vitest';
import { childTrace, isTraceparent, traceOf } from './trace.ts';

// The example of https://www.w3.org/TR/trace-context/
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('a traceparent', () => {
  it.each([
    { name: 'of the specification', value: TRACE, isOne: true },
    { name: 'that is not sampled', value: TRACE.replace(/01$/, '00'), isOne: true },
    { name: 'of another version', value: TRACE.replace(/^00/, '01'), isOne: false },
    { name: 'in capitals', value: TRACE.toUpperCase(), isOne: false },
    { name: 'without a trace', value: TRACE.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32)), isOne: false },
    { name: 'without a span', value: TRACE.replace('00f067aa0ba902b7', '0'.repeat(16)), isOne: false },
    { name: 'with more after it', value: `${TRACE}-1`, isOne: false },
    { name: 'that is empty', value: '', isOne: false },
  ])('$name: $isOne', ({ value, isOne }) => {
    expect(isTraceparent(value)).toBe(isOne);
  });
});

describe('the trace of an event', () => {
  it('is the one that came with it', () => {
    expect(traceOf({ id: 'event-1', trace: TRACE })).toBe(TRACE);
  });

  it.each([undefined, '', 'nonsense'])('is otherwise one that a redelivery has too: %s', (trace) => {
    const made = traceOf({ id: 'event-1', trace });
    expect(isTraceparent(made)).toBe(true);
    expect(traceOf({ id: 'event-1' })).toBe(made);
    expect(traceOf({ id: 'event-2' })).not.toBe(made);
  });
});

describe('a child', () => {
  it('has the same trace and a span of its own', () => {
    const child = childTrace(TRACE, 'execution-1');
    expect(isTraceparent(child)).toBe(true);
    expect(child.slice(0, 36)).toBe(TRACE.slice(0, 36));
    expect(child.slice(36, 52)).not.toBe(TRACE.slice(36, 52));
    expect(childTrace(TRACE, 'execution-1')).toBe(child);
    expect(childTrace(TRACE, 'execution-2')).not.toBe(child);
  });

  it('of what is no traceparent is what it was', () => {
    expect(childTrace('nonsense', 'execution-1')).toBe('nonsense');
  });
});
