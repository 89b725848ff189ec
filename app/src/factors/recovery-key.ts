// SPDX-License-Identifier: MIT
import { randomFillSync } from 'node:crypto';
import { assert, SesameError } from '../core/errors.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';

/*
 * The text form of a recovery key: 52 symbols of Crockford's base32 (https://www.crockford.com/base32.html) for 256 bits and
 * four zero bits, then the six symbols of the Bech32m checksum (BIP-350, without a human-readable part), in ten groups of five
 * and two of four. The checksum finds up to four wrong symbols, hence every single error and every transposition.
 */
const keyLength = 32;
const dataSymbols = 52;
const checksumSymbols = 6;
const symbolCount = dataSymbols + checksumSymbols;
const groups = [5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 4, 4];

/** Length of the text form in bytes of ASCII, dashes included. */
export const recoveryKeyTextLength = symbolCount + groups.length - 1;

/** Not secret: the alphabet, and the value of each byte of ASCII that stands for a symbol. O is 0, I and L are 1, case is free. */
const alphabet = Buffer.from('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 'latin1');
const noSymbol = 0xff;
const symbolValues = readingTable();

/** A new random recovery key in its text form. The caller releases it. */
export function newRecoveryKey(memory: SecretMemory): SecretBytes {
  const key = memory.allocate(keyLength);
  try {
    randomFillSync(key.bytes);
    return encodeRecoveryKey(memory, key);
  } finally {
    key.release();
  }
}

/** @param key 32 bytes; they stay the caller's, the text is the caller's too */
export function encodeRecoveryKey(memory: SecretMemory, key: SecretBytes): SecretBytes {
  assert(key.length === keyLength, 'a recovery key of 32 bytes');
  const symbols = memory.allocate(symbolCount);
  try {
    unpack(key.bytes, symbols.bytes);
    appendChecksum(symbols.bytes);
    return writeGroups(memory, symbols.bytes);
  } finally {
    symbols.release();
  }
}

/**
 * The 32 bytes of a typed recovery key. Dashes and white space may stand anywhere.
 * @param text stays the caller's; the result is the caller's too
 * @throws SesameError recovery-key-malformed
 */
export function decodeRecoveryKey(memory: SecretMemory, text: SecretBytes): SecretBytes {
  const symbols = memory.allocate(symbolCount);
  try {
    readSymbols(text.bytes, symbols.bytes);
    if (bech32Polymod(symbols.bytes) !== bech32mConstant) throw malformed('its checksum does not match');
    return pack(memory, symbols.bytes);
  } finally {
    symbols.release();
  }
}

/** What the checksum of a Bech32m code word amounts to (BIP-350). */
export const bech32mConstant = 0x2bc830a3;

/** The Bech32 checksum polynomial over 5-bit symbols (BIP-173). */
export function bech32Polymod(symbols: Uint8Array): number {
  let checksum = 1;
  for (const symbol of symbols) checksum = step(checksum, symbol);
  return checksum;
}

function step(checksum: number, symbol: number): number {
  const top = checksum >>> 25;
  let next = ((checksum & 0x1ffffff) << 5) ^ symbol;
  if (top & 1) next ^= 0x3b6a57b2;
  if (top & 2) next ^= 0x26508e6d;
  if (top & 4) next ^= 0x1ea119fa;
  if (top & 8) next ^= 0x3d4233dd;
  if (top & 16) next ^= 0x2a1462b3;
  return next;
}

function appendChecksum(symbols: Buffer): void {
  symbols.fill(0, dataSymbols);
  const checksum = bech32Polymod(symbols) ^ bech32mConstant;
  for (let index = 0; index < checksumSymbols; index++) {
    symbols[dataSymbols + index] = (checksum >>> (5 * (checksumSymbols - 1 - index))) & 31;
  }
}

/** Bytes to 5-bit symbols, most significant first; the last four bits are zero. */
function unpack(bytes: Buffer, symbols: Buffer): void {
  for (let index = 0; index < dataSymbols; index++) {
    const bit = index * 5;
    const byte = bit >>> 3;
    const pair = ((bytes[byte] ?? 0) << 8) | (bytes[byte + 1] ?? 0);
    symbols[index] = (pair >>> (11 - (bit & 7))) & 31;
  }
}

function pack(memory: SecretMemory, symbols: Buffer): SecretBytes {
  // The last data symbol carries one bit of the key and four that no writer of ours sets.
  if (((symbols[dataSymbols - 1] ?? 0) & 15) !== 0) throw malformed('it is of a kind that this program does not know');
  const key = memory.allocate(keyLength);
  const bytes = key.bytes;
  for (let index = 0; index < dataSymbols; index++) {
    const bit = index * 5;
    const byte = bit >>> 3;
    const pair = (symbols[index] ?? 0) << (11 - (bit & 7));
    bytes[byte] = (bytes[byte] ?? 0) | (pair >>> 8);
    if (byte + 1 < keyLength) bytes[byte + 1] = pair & 0xff;
  }
  return key;
}

function writeGroups(memory: SecretMemory, symbols: Buffer): SecretBytes {
  const text = memory.allocate(recoveryKeyTextLength);
  const bytes = text.bytes;
  let at = 0;
  let next = 0;
  for (const [index, length] of groups.entries()) {
    if (index > 0) bytes.write('-', at++, 'latin1');
    for (let count = 0; count < length; count++) bytes[at++] = alphabet[symbols[next++] ?? 0] ?? 0;
  }
  return text;
}

/** Fills `symbols` or throws; what was typed never appears in the message, only its place. */
function readSymbols(text: Buffer, symbols: Buffer): void {
  let count = 0;
  for (const byte of text) {
    if (isSeparator(byte)) continue;
    const value = symbolValues[byte] ?? noSymbol;
    if (value === noSymbol)
      throw malformed(`its character ${count + 1}, not counting dashes, is not one that a recovery key has`);
    if (count < symbolCount) symbols[count] = value;
    count++;
  }
  if (count !== symbolCount) throw malformed(`it has ${count} characters instead of ${symbolCount}, not counting dashes`);
}

function isSeparator(byte: number): boolean {
  return byte === 0x2d || byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

function readingTable(): Buffer {
  const table = Buffer.alloc(256, noSymbol);
  for (const [value, character] of alphabet.entries()) {
    table[character] = value;
    if (character >= 0x41) table[character + 0x20] = value;
  }
  for (const character of Buffer.from('Oo', 'latin1')) table[character] = 0;
  for (const character of Buffer.from('IiLl', 'latin1')) table[character] = 1;
  return table;
}

function malformed(reason: string): SesameError {
  return SesameError.of('recovery-key-malformed', { reason });
}
