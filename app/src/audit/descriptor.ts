// SPDX-License-Identifier: MIT
import { fdatasync, ftruncate, write } from 'node:fs';
import { promisify } from 'node:util';

const writeOnce = promisify(write);

/** fdatasync(2) off the event loop: on a card it takes tens of milliseconds. */
export const syncData = promisify(fdatasync);

/** ftruncate(2) off the event loop. */
export const truncate = promisify(ftruncate);

/** Writes every byte at a place in the file, as often as short writes demand it. */
export async function writeFully(descriptor: number, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await writeOnce(descriptor, bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}
