// SPDX-License-Identifier: MIT
import { decode, encode, type Token, Tokenizer } from 'cborg';
import { describe, SesameError } from '../core/errors.ts';

const deepest = 8;
const mostItems = 4096;
const longestReason = 160;

const strictly = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
} as const;

/** Refuses what would cost more than it is worth before it is built: nesting (the decoder recurses), endless items, text that is not UTF-8. */
class BoundedTokenizer extends Tokenizer {
  /** How many items each open array or map still wants, outermost first. */
  readonly #open: number[] = [];
  #items = 0;

  override next(): Token {
    const token = super.next();
    this.#items += 1;
    if (this.#items > mostItems) throw malformed(`more than ${mostItems} items`);
    const { name } = token.type;
    if (name === 'string') this.#requireUtf8(token.value);
    if ((name === 'array' || name === 'map') && token.value > 0) {
      if (this.#open.length === deepest) throw malformed(`nested deeper than ${deepest}`);
      this.#open.push(name === 'map' ? 2 * token.value : token.value);
    } else {
      this.#closeItem();
    }
    return token;
  }

  #closeItem(): void {
    for (let top = this.#open.length - 1; top >= 0; top -= 1) {
      const missing = (this.#open[top] ?? 1) - 1;
      this.#open[top] = missing;
      if (missing > 0) return;
      this.#open.pop();
    }
  }

  /** The decoder replaces invalid bytes by U+FFFD, so that two names could become one. */
  #requireUtf8(text: string): void {
    if (!text.includes('\ufffd')) return;
    const written = Buffer.from(text);
    const end = this.pos();
    if (!written.equals(this.data.subarray(end - written.length, end))) throw malformed('text that is not UTF-8');
  }
}

/** CBOR (RFC 8949) of plain data: text, integers, booleans, null, bytes, arrays and objects. Never given a secret: the encoder keeps its buffers. */
export function encodeCbor(value: unknown): Uint8Array {
  return encode(value);
}

/**
 * Plain data out of CBOR that is deterministic enough to have one meaning: shortest integers, definite lengths, no duplicate
 * keys, no tags, bounded depth and number of items.
 * @throws SesameError message-invalid
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  return decodeStrictly(bytes, false);
}

/**
 * The same for a map, whose keys may be anything a hostile sender likes without touching a prototype.
 * @throws SesameError message-invalid
 */
export function decodeCborMap(bytes: Uint8Array): Map<unknown, unknown> {
  const decoded = decodeStrictly(bytes, true);
  if (!(decoded instanceof Map)) throw malformed('not a map');
  return decoded;
}

function decodeStrictly(bytes: Uint8Array, useMaps: boolean): unknown {
  // The tokenizer makes copies with slice(), which on a Buffer would be views.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  try {
    return decode(plain, { ...strictly, useMaps, tokenizer: new BoundedTokenizer(plain, strictly) });
  } catch (thrown) {
    if (thrown instanceof SesameError) throw thrown;
    throw malformed(describe(thrown).slice(0, longestReason));
  }
}

function malformed(reason: string): SesameError {
  return SesameError.of('message-invalid', { kind: 'CBOR', reason });
}
