import type { HttpClient } from 'gennaker/stage-kind';
import { type ProofWorld, proofsOf } from 'gennaker/testing';
import { describe, it } from 'vitest';
import { changeTicket } from './index.ts';

const parameters = { url: 'https://tickets.test', title: 'items-api 1.2.3' };

/** A ticket system in which somebody decides at the second look. */
function world(decision: 'approved' | 'rejected'): ProofWorld {
  const tickets = new Map<string, { looks: number; body: string }>();
  const answer = (status: number, body: object = {}) => ({
    status,
    headers: new Headers(),
    body: JSON.stringify(body),
  });
  const http: HttpClient = {
    async request({ method, url, body = '' }) {
      const ticket = tickets.get(url);
      if (method === 'PUT') tickets.set(url, { looks: ticket?.looks ?? 0, body });
      if (method === 'DELETE') tickets.delete(url);
      if (method !== 'GET') return answer(200);
      if (ticket === undefined) return answer(404);
      ticket.looks += 1;
      return answer(200, ticket.looks > 1 ? { state: decision, by: 'ada' } : { state: 'open' });
    },
  };
  return { http, effects: () => [...tickets].map(([url, { body }]) => [url, body]) };
}

describe('change-ticket', () => {
  const proof = { kind: changeTicket, parameters };
  for (const { name, run } of [
    ...proofsOf({ ...proof, name: 'an approval', world: () => world('approved') }),
    ...proofsOf({ ...proof, name: 'a rejection', world: () => world('rejected'), ends: 'failed' }),
  ]) {
    it(name, run);
  }
});
