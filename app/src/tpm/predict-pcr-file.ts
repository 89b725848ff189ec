// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { readBounded } from '../linux/files.ts';
import { type EventLogBank, eventLogBankNames, eventLogBanks } from './event-log-bank.ts';
import { type PcrValues, pcrCount } from './pcr-selection.ts';

const fileLimit = 64 * 1024;

/** PCRs of one bank, in ascending order. */
export interface PcrChoice {
  readonly bank: EventLogBank;
  readonly pcrs: readonly number[];
}

/**
 * Predicted PCR values from a file: the text that `tpm2_pcrread sha256:0,4,7` prints ("sha256:", then lines "0 : 0x…"; "#" starts a
 * comment), or the bytes that its option `-o` writes for exactly these PCRs.
 * @throws SesameError pcr-file-malformed, file-unreadable, file-damaged when it is no such file
 */
export function readPcrFile(path: string, choice: PcrChoice): PcrValues {
  const bytes = readBounded(path, fileLimit);
  if (bytes === undefined) throw malformed(path, choice, 'there is no such file');
  return parsePcrFile(path, bytes, choice);
}

/** @throws SesameError pcr-file-malformed */
export function parsePcrFile(path: string, bytes: Buffer, choice: PcrChoice): PcrValues {
  if (bytes.length === 0) throw malformed(path, choice, 'it is empty');
  const values = isText(bytes) ? parseText(path, bytes.toString('latin1'), choice) : parseBytes(path, bytes, choice);
  return new Map(
    choice.pcrs.map((pcr) => {
      const value = values.get(pcr);
      if (value === undefined) throw malformed(path, choice, `it has no ${choice.bank} value of PCR ${pcr}`);
      return [pcr, value];
    }),
  );
}

function parseText(path: string, text: string, choice: PcrChoice): Map<number, Buffer> {
  const values = new Map<number, Buffer>();
  let bank: EventLogBank | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const at = (reason: string) => malformed(path, choice, `in line ${index + 1}, ${reason}`);
    const words = line.replace(/#.*/, '').trim();
    if (words === '') continue;
    const named = /^(\w+)\s*:$/.exec(words)?.[1];
    if (named !== undefined) {
      bank = eventLogBankNames.find((name) => name === named);
      if (bank === undefined) throw at(`there is no PCR bank ${named}`);
      continue;
    }
    const [, number, digits] = /^(\d{1,2})\s*:\s*(?:0x)?([0-9a-fA-F]+)$/.exec(words) ?? [];
    if (number === undefined || digits === undefined) throw at('there is neither a bank nor a PCR with its value');
    if (bank === undefined) throw at('a PCR stands before the name of its bank');
    const pcr = Number(number);
    if (pcr >= pcrCount) throw at(`there is no PCR ${pcr}`);
    if (digits.length !== eventLogBanks[bank].size * 2) throw at(`a value of ${bank} has ${eventLogBanks[bank].size * 2} digits`);
    if (bank !== choice.bank) continue;
    if (values.has(pcr)) throw at(`PCR ${pcr} is there twice`);
    values.set(pcr, Buffer.from(digits, 'hex'));
  }
  return values;
}

function parseBytes(path: string, bytes: Buffer, choice: PcrChoice): Map<number, Buffer> {
  const { size } = eventLogBanks[choice.bank];
  if (bytes.length !== size * choice.pcrs.length) {
    throw malformed(
      path,
      choice,
      `it has ${bytes.length} bytes and ${choice.pcrs.length} PCRs of ${choice.bank} have ${size * choice.pcrs.length}`,
    );
  }
  return new Map(choice.pcrs.map((pcr, index) => [pcr, bytes.subarray(index * size, (index + 1) * size)]));
}

function isText(bytes: Buffer): boolean {
  return bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0a || byte === 0x0d);
}

function malformed(path: string, { bank, pcrs }: PcrChoice, reason: string): SesameError {
  return SesameError.of('pcr-file-malformed', { path, reason, selection: `${bank}:${pcrs.join(',')}` });
}
