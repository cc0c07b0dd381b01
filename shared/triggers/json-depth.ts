/** How deep a JSON text is, told before it is read: what walks through values afterwards goes down once for each level. */

/** Values within values that a sender's body or message may have. */
export const MAXIMUM_JSON_DEPTH = 64;

/** The most brackets and braces that are open at once in the text; text that is not JSON has some number, too. */
export function depthOfJson(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (isString) {
      if (character === '\\') at += 1;
      else if (character === '"') isString = false;
    } else if (character === '"') isString = true;
    else if (character === '[' || character === '{') {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (character === ']' || character === '}') depth -= 1;
  }
  return deepest;
}
