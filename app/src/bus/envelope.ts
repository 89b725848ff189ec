// SPDX-License-Identifier: MIT
import { type SecurityLevel, securityLevels } from '../core/clearance.ts';
import { SesameError } from '../core/errors.ts';
import { isUuid } from '../core/uuid.ts';
import { decodeCborMap, encodeCbor } from './cbor.ts';
import { requireFrameLength } from './frame.ts';

/** The first byte of every plaintext. Upstream counts from 1 and encodes otherwise; the high bit keeps the two apart for good. */
export const wireVersion = 0x80;

const prefixLength = 5;
const longestKind = 64;

export const envelopeTypes = ['request', 'reply', 'error', 'event'] as const;
export type EnvelopeType = (typeof envelopeTypes)[number];

/** Who sent a message, written by the server over whatever stood there. */
export interface Origin {
  /** The verified name, or null for an unregistered client. */
  readonly name: string | null;
  readonly clearance: SecurityLevel;
  readonly uid: number;
  readonly pid: number;
}

export interface Header {
  /** UUID v7. */
  readonly id: string;
  /** The id of the request that a reply or an error answers. */
  readonly correlation?: string;
  /** A UUID that a connection chooses once. */
  readonly sender: string;
  readonly wall_ms: number;
  readonly monotonic_ms: number;
  readonly level: SecurityLevel;
  readonly type: EnvelopeType;
  /** The name of the message in the catalogue. */
  readonly kind: string;
  readonly origin?: Origin;
  /** CBOR of its own, so that a relay passes it on without looking inside. */
  readonly body: Uint8Array;
}

export interface Envelope {
  readonly header: Header;
  /** A view of the plaintext: gone when that is wiped. An empty attachment is not the same as none. */
  readonly attachment: Buffer | undefined;
}

/**
 * The plaintext of a frame: `u8 version || u32 header length || CBOR header || attachment`. The caller wipes it.
 * @throws SesameError frame-too-long
 */
export function encodeEnvelope(header: Header, attachment: Uint8Array | undefined): Buffer {
  const encoded = encodeCbor(attachment === undefined ? header : { ...header, attachment: attachment.length });
  const length = prefixLength + encoded.length + (attachment?.length ?? 0);
  requireFrameLength(length);
  const plaintext = Buffer.alloc(length);
  plaintext.writeUInt8(wireVersion, 0);
  plaintext.writeUInt32BE(encoded.length, 1);
  plaintext.set(encoded, prefixLength);
  if (attachment !== undefined) plaintext.set(attachment, prefixLength + encoded.length);
  return plaintext;
}

/** @throws SesameError wire-version-unknown, message-invalid */
export function decodeEnvelope(plaintext: Buffer): Envelope {
  if (plaintext.length < prefixLength) throw malformed('it is shorter than its prefix');
  const version = plaintext.readUInt8(0);
  if (version !== wireVersion) throw SesameError.of('wire-version-unknown', { version, known: wireVersion });
  const end = prefixLength + plaintext.readUInt32BE(1);
  if (end > plaintext.length) throw malformed('its header is longer than the frame');
  const fields = decodeCborMap(plaintext.subarray(prefixLength, end));
  const rest = plaintext.subarray(end);
  const announced = fields.get('attachment');
  if ((announced ?? 0) !== rest.length) throw malformed('its attachment is not as long as its header says');
  return { header: readHeader(fields), attachment: announced === undefined ? undefined : rest };
}

function readHeader(fields: Map<unknown, unknown>): Header {
  const correlation = fields.get('correlation');
  const origin = fields.get('origin');
  return {
    id: uuid(fields.get('id'), 'id'),
    ...(correlation === undefined ? {} : { correlation: uuid(correlation, 'correlation') }),
    sender: uuid(fields.get('sender'), 'sender'),
    wall_ms: integer(fields.get('wall_ms'), 'wall_ms'),
    monotonic_ms: integer(fields.get('monotonic_ms'), 'monotonic_ms'),
    level: level(fields.get('level')),
    type: envelopeType(fields.get('type')),
    kind: text(fields.get('kind'), 'kind', longestKind),
    ...(origin === undefined ? {} : { origin: readOrigin(origin) }),
    body: bytes(fields.get('body')),
  };
}

function readOrigin(origin: unknown): Origin {
  if (!(origin instanceof Map)) throw malformed('origin is not a map');
  const name: unknown = origin.get('name');
  return {
    name: name === null ? null : text(name, 'name', longestKind),
    clearance: level(origin.get('clearance')),
    uid: integer(origin.get('uid'), 'uid'),
    pid: integer(origin.get('pid'), 'pid'),
  };
}

function uuid(value: unknown, field: string): string {
  if (typeof value !== 'string' || !isUuid(value)) throw malformed(`${field} is not a UUID`);
  return value;
}

function text(value: unknown, field: string, longest: number): string {
  if (typeof value !== 'string' || value.length > longest)
    throw malformed(`${field} is not a text of at most ${longest} characters`);
  return value;
}

function integer(value: unknown, field: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw malformed(`${field} is not an integer`);
  return value;
}

function level(value: unknown): SecurityLevel {
  const found = securityLevels.find((known) => known === value);
  if (found === undefined) throw malformed('a security level is unknown');
  return found;
}

function envelopeType(value: unknown): EnvelopeType {
  const found = envelopeTypes.find((type) => type === value);
  if (found === undefined) throw malformed('its type is unknown');
  return found;
}

function bytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw malformed('body is not bytes');
  return value;
}

function malformed(reason: string): SesameError {
  return SesameError.of('message-invalid', { kind: 'envelope', reason });
}
