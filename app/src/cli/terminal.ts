// SPDX-License-Identifier: MIT
import { closeSync, openSync } from 'node:fs';
import type { ReadStream } from 'node:tty';
import { systemErrorCode } from '../core/errors.ts';
import { longestValue } from '../core/names.ts';
import { printable } from '../core/text.ts';
import { isatty } from '../linux/libc.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { readSome, standardInput, standardOutput, writeAll } from './streams.ts';

export function inputIsTerminal(): boolean {
  return isatty(standardInput);
}

/** Whether there is somebody to ask. */
export function hasTerminal(): boolean {
  const terminal = openTerminal();
  if (terminal !== undefined) closeSync(terminal);
  return terminal !== undefined;
}

export function outputIsTerminal(): boolean {
  return isatty(standardOutput);
}

const colours = { green: 32, yellow: 33, red: 31 } as const;

/** The text in colour where a person sees it; NO_COLOR (no-color.org) and a dumb terminal are respected. */
export function paint(text: string, colour: keyof typeof colours): string {
  const plain = (process.env['NO_COLOR'] ?? '') !== '' || process.env['TERM'] === 'dumb' || !outputIsTerminal();
  return plain ? text : `\u001b[${colours[colour]}m${text}\u001b[0m`;
}

const key = {
  interrupt: 0x03,
  end: 0x04,
  backspace: 0x08,
  newline: 0x0a,
  enter: 0x0d,
  wipe: 0x15,
  quit: 0x1c,
  delete: 0x7f,
} as const;

/**
 * Asks on the controlling terminal, without echo, for one line of bytes as they are typed, without the newline. The line lives in
 * secret memory only: the bytes are read one by one into it, past every stream and its buffers.
 *
 * While the terminal is raw, SIGINT and SIGTERM from outside restore it: Node does that itself for signals that nobody handles. The keys
 * for them reach us as bytes instead, and end the process by the signal that they stand for.
 * @param longest in bytes; what is typed beyond it is dropped and counted, so that the caller sees the real length
 * @returns undefined when there is no terminal to ask on
 */
export function ask(memory: SecretMemory, prompt: string): SecretBytes | undefined {
  const terminal = openTerminal();
  if (terminal === undefined) return undefined;
  const stream = openStream(terminal);
  const line = memory.allocate(longestValue + 1);
  try {
    stream.setRawMode(true);
    writeAll(terminal, Buffer.from(`${printable(prompt)}: `, 'utf8'));
    const outcome = readLine(terminal, line.bytes);
    stream.setRawMode(false);
    writeAll(terminal, Buffer.from('\n'));
    if (outcome.signal !== undefined) endBySignal(outcome.signal);
    return copyOf(memory, line, outcome.length);
  } finally {
    line.release();
    if (stream.isRaw) stream.setRawMode(false);
    stream.destroy();
  }
}

/**
 * Shows a numbered list on the controlling terminal and reads a number, until it is one of the list.
 * @returns the index, or undefined when there is no terminal or the input ended
 */
export function chooseOnTerminal(question: string, choices: readonly string[]): number | undefined {
  const terminal = openTerminal();
  if (terminal === undefined) return undefined;
  try {
    for (const [index, choice] of choices.entries()) writeAll(terminal, Buffer.from(`${index + 1}) ${printable(choice)}\n`));
    for (;;) {
      writeAll(terminal, Buffer.from(`${question}, 1 to ${choices.length}: `));
      const answer = Buffer.alloc(80);
      // The terminal gives a line at a time, edited and echoed by itself.
      const length = readSome(terminal, answer, 0, answer.length);
      if (length === 0) return undefined;
      const number = Number(answer.toString('latin1', 0, length).trim());
      if (Number.isInteger(number) && number >= 1 && number <= choices.length) return number - 1;
    }
  } finally {
    closeSync(terminal);
  }
}

function openStream(terminal: number): ReadStream {
  // Imported, it would take node:net with all its streams to every command that only asks whether there is a terminal.
  const { ReadStream } = process.getBuiltinModule('node:tty');
  return new ReadStream(terminal);
}

function openTerminal(): number | undefined {
  try {
    const descriptor = openSync('/dev/tty', 'r+');
    if (isatty(descriptor)) return descriptor;
    closeSync(descriptor);
    return undefined;
  } catch (thrown) {
    if (systemErrorCode(thrown) !== undefined) return undefined; // ENXIO: no controlling terminal
    throw thrown;
  }
}

interface TypedLine {
  readonly length: number;
  readonly signal?: NodeJS.Signals;
}

function readLine(terminal: number, line: Buffer): TypedLine {
  let length = 0;
  for (;;) {
    // The byte goes right behind the line, so that it never lies anywhere else.
    const place = Math.min(length, line.length - 1);
    if (readSome(terminal, line, place, 1) === 0) return { length };
    switch (line[place]) {
      case key.newline:
      case key.enter:
      case key.end:
        return { length };
      case key.interrupt:
        return { length: 0, signal: 'SIGINT' };
      case key.quit:
        return { length: 0, signal: 'SIGQUIT' };
      case key.wipe:
        length = 0;
        break;
      case key.backspace:
      case key.delete:
        length = withoutLastCharacter(line, length);
        break;
      default:
        length = place + 1;
    }
  }
}

/** One key press takes back one character, which in UTF-8 may be several bytes. */
function withoutLastCharacter(line: Buffer, length: number): number {
  let end = length;
  while (end > 0) {
    end -= 1;
    const isContinuation = ((line[end] ?? 0) & 0xc0) === 0x80;
    if (!isContinuation) break;
  }
  return end;
}

function copyOf(memory: SecretMemory, line: SecretBytes, length: number): SecretBytes {
  if (length === 0) return memory.take(Buffer.alloc(0));
  const copy = memory.allocate(length);
  copy.bytes.set(line.bytes.subarray(0, length));
  return copy;
}

/** As if the terminal had sent it: a shell that waits for us sees that its loop is to end as well. */
function endBySignal(signal: NodeJS.Signals): never {
  process.kill(process.pid, signal);
  process.exit(130);
}
