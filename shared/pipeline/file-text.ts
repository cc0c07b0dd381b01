/** Carries files of any content as text, because uploads and blobs are JSON: packaged charts are not UTF-8. */

const MARK = 'data:application/octet-stream;base64,';

/** The bytes as text: themselves where they are UTF-8, else marked base64. `fileBytes` gives exactly the bytes again. */
export function fileText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('utf8');
  const isText = !text.startsWith(MARK) && Buffer.from(text, 'utf8').equals(buffer);
  return isText ? text : `${MARK}${buffer.toString('base64')}`;
}

/** The bytes of a text that `fileText` made. */
export function fileBytes(text: string): Uint8Array {
  return isBinary(text) ? Buffer.from(text.slice(MARK.length), 'base64') : Buffer.from(text, 'utf8');
}

/** Whether the file is not UTF-8. */
export function isBinary(text: string): boolean {
  return text.startsWith(MARK);
}
