/** A picture on a terminal that is drawn over itself, and the keys that are pressed meanwhile. */
import type { Keys, Output } from './terminal.ts';

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_BELOW = '\u001b[J';
const INTERRUPT = '\u0003';

export class Screen {
  readonly #output: Output;
  readonly #keys: Keys;
  #drawn = 0;
  #last = '';
  #listener: ((chunk: Buffer) => void) | undefined;

  constructor(output: Output, keys: Keys) {
    this.#output = output;
    this.#keys = keys;
  }

  /** Hides the cursor and hands each pressed key to `press`. An interrupt reaches this process as always. */
  open(press: (key: string) => void): void {
    this.#output.write(HIDE_CURSOR);
    if (this.#keys.isTTY !== true) {
      return;
    }
    this.#listener = (chunk) => {
      for (const key of chunk.toString('utf8')) {
        if (key === INTERRUPT) {
          process.kill(process.pid, 'SIGINT');
        } else {
          press(key);
        }
      }
    };
    this.#keys.setRawMode?.(true);
    this.#keys.on('data', this.#listener);
    this.#keys.resume();
  }

  /** Draws the lines where the last picture was. Where there are more than `rows`, the rest is told as a number. */
  draw(lines: readonly string[], rows: number | undefined): void {
    const room = rows === undefined ? lines.length : Math.max(1, rows - 1);
    const shown =
      lines.length > room ? [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`] : lines;
    const picture = shown.join('\n');
    if (picture === this.#last) {
      return;
    }
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A\r` : '';
    this.#output.write(`${up}${CLEAR_BELOW}${picture}\n`);
    this.#drawn = shown.length;
    this.#last = picture;
  }

  close(): void {
    if (this.#listener !== undefined) {
      this.#keys.off('data', this.#listener);
      this.#keys.setRawMode?.(false);
      this.#keys.pause();
      this.#listener = undefined;
    }
    this.#output.write(SHOW_CURSOR);
  }
}
