/** Label selectors in both of their forms: the objects of manifests and the text of the API. */
import type { LabelSelector } from './objects.ts';

export type Labels = { readonly [key: string]: string } | undefined;

/** The selector of a workload in the text form that lists and watches take. */
export function selectorText(selector: LabelSelector): string {
  const equal = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${(values ?? []).join(',')})`;
  });
  return [...equal, ...expressions].join(',');
}

/** Whether labels fit a selector in text form. The empty text fits all. */
export function labelsFit(selector: string, labels: Labels): boolean {
  // Commas within the parentheses of a set do not separate requirements.
  return selector
    .split(/,(?![^(]*\))/)
    .map((requirement) => requirement.trim())
    .filter((requirement) => requirement !== '')
    .every((requirement) => requirementFits(requirement, labels ?? {}));
}

function requirementFits(requirement: string, labels: { readonly [key: string]: string }): boolean {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(requirement);
  if (set !== null) {
    const [, key = '', operator, list = ''] = set;
    const value = labels[key];
    const isIn = value !== undefined && list.split(',').some((entry) => entry.trim() === value);
    return operator === 'in' ? isIn : !isIn;
  }
  const equality = /^([^=!\s]+)\s*(==|=|!=)\s*(\S*)$/.exec(requirement);
  if (equality !== null) {
    const [, key = '', operator, value] = equality;
    return (labels[key] === value) === (operator !== '!=');
  }
  return requirement.startsWith('!') ? !(requirement.slice(1).trim() in labels) : requirement in labels;
}
