/** Finds the route of a request: patterns of literal parts and `:named` ones, and nothing more. */
import { type ApiRequest, Refusal, type Reply } from './http.ts';

/** Who may ask: anyone, whoever may see the pages, whoever has a token of their own, or whoever holds the API's token. */
export type Access = 'anyone' | 'viewer' | 'person' | 'holder';

export type Route = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Such as `/api/executions/:id`; a named part matches one part of a path, decoded. */
  readonly pattern: string;
  readonly access: Access;
  readonly handle: (request: ApiRequest) => Promise<Reply> | Reply;
};

export type Match = { readonly route: Route; readonly parameters: { readonly [name: string]: string } };

/** The route for a method and a path. Throws Refusal 404, or 405 where the path is right and the method is not. */
export function createRouter(routes: readonly Route[]): (method: string, path: string) => Match {
  const compiled = routes.map((route) => ({ route, parts: route.pattern.split('/') }));
  return (method, path) => {
    const given = path.split('/');
    const matches = compiled.flatMap(({ route, parts }) => {
      const parameters = matchParts(parts, given);
      return parameters === undefined ? [] : [{ route, parameters }];
    });
    const wanted = method === 'HEAD' ? 'GET' : method;
    const found = matches.find(({ route }) => route.method === wanted);
    if (found !== undefined) return found;
    if (matches.length === 0) throw new Refusal(404, 'not-found', `There is nothing at ${path}.`);
    const allow = [...new Set(matches.map(({ route }) => route.method))].join(', ');
    throw new Refusal(405, 'method-not-allowed', `${path} takes ${allow}, not ${method}.`, { headers: { allow } });
  };
}

function matchParts(pattern: readonly string[], given: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== given.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const value = given[index] ?? '';
    if (!part.startsWith(':')) {
      if (part !== value) return undefined;
      continue;
    }
    const decoded = decodePart(value);
    if (decoded === undefined || decoded === '') return undefined;
    parameters[part.slice(1)] = decoded;
  }
  return parameters;
}

/** Undefined where the percent signs make no sense. */
export function decodePart(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
