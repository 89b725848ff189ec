// SPDX-License-Identifier: MIT
import { type SecurityLevel, securityLevels } from '../core/clearance.ts';
import { SesameError } from '../core/errors.ts';
import { isUuid } from '../core/uuid.ts';
import { CborFieldReader, CborFieldWriter } from './cbor-fields.ts';
import { longestFrame, requireFrameLength } from './frame.ts';

/** The first byte of every plaintext. Upstream counts from 1 and encodes otherwise; the high bit keeps the two apart for good. */
export const wireVersion = 0x80;

const prefixLength = 5;
const headerItems = 11;
const originItems = 4;
const longestName = 256;
const uuidLength = 36;

/** More than a header without its body can have: three UUIDs, two names, and numbers. */
const longestHeader = 1024;

/** On the wire a type and a level are their places in these lists, which therefore only ever grow at the end. */
export const envelopeTypes = ['request', 'reply', 'error', 'event'] as const;
export type EnvelopeType = (typeof envelopeTypes)[number];

/** Who sent a message, written by the server over whatever stood there. */
export interface Origin {
  /** The verified name, or undefined for an unregistered client. */
  readonly name: string | undefined;
  readonly clearance: SecurityLevel;
  readonly uid: number;
  readonly pid: number;
}

export interface Header {
  readonly type: EnvelopeType;
  /** The name of the message in the catalogue. */
  readonly kind: string;
  /** UUID v7. */
  readonly id: string;
  /** The id of the request that a reply or an error answers. */
  readonly correlation: string | undefined;
  /** A UUID that a connection chooses once. */
  readonly sender: string;
  readonly wall_ms: number;
  readonly monotonic_ms: number;
  readonly level: SecurityLevel;
  readonly origin: Origin | undefined;
  /** CBOR of its own, so that a relay passes it on without looking inside. Bodies hold no secrets. */
  readonly body: Uint8Array;
}

export interface Envelope {
  readonly header: Header;
  /** A view of the plaintext: gone when that is wiped. An empty attachment is not the same as none. */
  readonly attachment: Buffer | undefined;
}

/** Every plaintext that leaves is put together in the same place: no copy of a secret lies about until the collector comes. */
const outgoing = Buffer.alloc(longestFrame);
/** Headers are written here before their length is known. */
const scratch = Buffer.alloc(longestHeader);

/**
 * Hands over the plaintext of a frame and wipes it: `u8 version || u32 header length || CBOR header || attachment`. The header is
 * an array of type, kind, id, correlation, sender, wall_ms, monotonic_ms, level, origin, length of the attachment or null, and body.
 * @param use must be done with the plaintext when it returns
 * @throws SesameError frame-too-long
 */
export function withPlaintext<Result>(
  header: Header,
  attachment: Uint8Array | undefined,
  use: (plaintext: Buffer) => Result,
): Result {
  const fields = new CborFieldWriter(scratch);
  writeFields(fields, header, attachment?.length);
  const { body } = header;
  const bodyStart = prefixLength + fields.end;
  const headerEnd = bodyStart + body.length;
  const length = headerEnd + (attachment?.length ?? 0);
  requireFrameLength(length);
  const plaintext = outgoing.subarray(0, length);
  try {
    plaintext.writeUInt8(wireVersion, 0);
    plaintext.writeUInt32BE(headerEnd - prefixLength, 1);
    scratch.copy(plaintext, prefixLength, 0, fields.end);
    plaintext.set(body, bodyStart);
    if (attachment !== undefined) plaintext.set(attachment, headerEnd);
    return use(plaintext);
  } finally {
    plaintext.fill(0);
  }
}

function writeFields(fields: CborFieldWriter, header: Header, attachmentLength: number | undefined): void {
  const { correlation, origin } = header;
  fields.array(headerItems);
  fields.unsigned(envelopeTypes.indexOf(header.type));
  fields.text(header.kind);
  fields.ascii(header.id);
  if (correlation === undefined) fields.null();
  else fields.ascii(correlation);
  fields.ascii(header.sender);
  fields.unsigned(header.wall_ms);
  fields.unsigned(header.monotonic_ms);
  fields.unsigned(securityLevels.indexOf(header.level));
  if (origin === undefined) fields.null();
  else writeOrigin(fields, origin);
  if (attachmentLength === undefined) fields.null();
  else fields.unsigned(attachmentLength);
  fields.bytesHead(header.body.length);
}

function writeOrigin(fields: CborFieldWriter, { name, clearance, uid, pid }: Origin): void {
  fields.array(originItems);
  if (name === undefined) fields.null();
  else fields.text(name);
  fields.unsigned(securityLevels.indexOf(clearance));
  fields.unsigned(uid);
  fields.unsigned(pid);
}

/** @throws SesameError wire-version-unknown, message-invalid */
export function decodeEnvelope(plaintext: Buffer): Envelope {
  if (plaintext.length < prefixLength) throw malformed('it is shorter than its prefix');
  const version = plaintext.readUInt8(0);
  if (version !== wireVersion) throw SesameError.of('wire-version-unknown', { version, known: wireVersion });
  const end = prefixLength + plaintext.readUInt32BE(1);
  if (end > plaintext.length) throw malformed('its header is longer than the frame');
  const fields = new CborFieldReader(plaintext.subarray(prefixLength, end), 'envelope');
  fields.array(headerItems);
  const type = member(envelopeTypes, fields.unsigned());
  const kind = fields.text(longestName);
  const id = uuid(fields);
  const correlation = fields.null() ? undefined : uuid(fields);
  const sender = uuid(fields);
  const wall_ms = fields.unsigned();
  const monotonic_ms = fields.unsigned();
  const level = member(securityLevels, fields.unsigned());
  const origin = fields.null() ? undefined : readOrigin(fields);
  const attachmentLength = fields.null() ? undefined : fields.unsigned();
  // A copy: the plaintext is wiped while the body is still being worked on.
  const body = Buffer.from(fields.bytes());
  fields.end();
  const header = { type, kind, id, correlation, sender, wall_ms, monotonic_ms, level, origin, body };
  const attachment = plaintext.subarray(end);
  if ((attachmentLength ?? 0) !== attachment.length) throw malformed('its attachment is not as long as its header says');
  return { header, attachment: attachmentLength === undefined ? undefined : attachment };
}

function readOrigin(fields: CborFieldReader): Origin {
  fields.array(originItems);
  return {
    name: fields.null() ? undefined : fields.text(longestName),
    clearance: member(securityLevels, fields.unsigned()),
    uid: fields.unsigned(),
    pid: fields.unsigned(),
  };
}

function member<Value>(list: readonly Value[], index: number): Value {
  const found = list[index];
  if (found === undefined) throw malformed('a type or level is unknown');
  return found;
}

function uuid(fields: CborFieldReader): string {
  const text = fields.ascii(uuidLength);
  if (!isUuid(text)) throw malformed('an id is not a UUID');
  return text;
}

function malformed(reason: string): SesameError {
  return SesameError.of('message-invalid', { kind: 'envelope', reason });
}
