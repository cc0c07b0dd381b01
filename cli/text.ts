/** Text for people at a fixed width: columns, wrapping, short ids, and times as one says them. */
import { formatDuration } from '../shared/use-cases/phrases.ts';

/** Characters that terminals draw two columns wide. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303f\uff01-\uff60]|\p{Emoji_Presentation}/u;

/** How many columns of a terminal the text takes. It holds no escape sequences. */
export function columnsTaken(text: string): number {
  let columns = 0;
  for (const character of text) {
    columns += WIDE.test(character) ? 2 : 1;
  }
  return columns;
}

/** The text, filled up with spaces. */
export function padTo(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - columnsTaken(text)));
}

/** The text, cut at its end so that it takes at most `columns`. */
export function cutTo(text: string, columns: number): string {
  if (columnsTaken(text) <= columns) {
    return text;
  }
  let kept = '';
  let taken = 0;
  for (const character of text) {
    taken += columnsTaken(character);
    if (taken > columns - 1) {
      break;
    }
    kept += character;
  }
  return `${kept}…`;
}

/** The text's words on lines of at most `columns`; a word that is longer is broken, so that nothing is lost. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/u).flatMap((part) => pieces(part, columns))) {
    if (line === '') {
      line = word;
    } else if (columnsTaken(line) + 1 + columnsTaken(word) <= columns) {
      line += ` ${word}`;
    } else {
      lines.push(line);
      line = word;
    }
  }
  return line === '' ? lines : [...lines, line];
}

function pieces(word: string, columns: number): string[] {
  const found: string[] = [];
  let piece = '';
  for (const character of word) {
    if (columnsTaken(piece + character) > columns) {
      found.push(piece);
      piece = '';
    }
    piece += character;
  }
  return piece === '' ? found : [...found, piece];
}

/** How many characters of an id people are shown. */
const SHORT_ID = 7;

export function shortId(id: string): string {
  return id.slice(0, SHORT_ID);
}

/** The shortest beginnings, of at least seven characters, that still tell these ids apart. */
export function shortIds(ids: readonly string[]): (id: string) => string {
  const longest = Math.max(0, ...ids.map((id) => id.length));
  const distinct = new Set(ids).size;
  let length = SHORT_ID;
  while (length < longest && new Set(ids.map((id) => id.slice(0, length))).size < distinct) {
    length += 1;
  }
  return (id) => id.slice(0, length);
}

const SECOND_MS = 1_000;

/** A length of time to its largest unit: `31 s`, `4 min`, `2 h`. */
export function roughDuration(milliseconds: number): string {
  return formatDuration(milliseconds).split(' ').slice(0, 2).join(' ');
}

/** When something was: `just now`, `4 min ago`. */
export function ago(then: number, now: number): string {
  return now - then < SECOND_MS ? 'just now' : `${roughDuration(now - then)} ago`;
}

/** `3 stages`, `1 stage`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
