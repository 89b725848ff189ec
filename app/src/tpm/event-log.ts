// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { readBounded } from '../linux/files.ts';
import { type EventLogBank, eventLogBank, eventLogBanks } from './event-log-bank.ts';
import { EventType } from './event-log-types.ts';
import { pcrCount } from './pcr-selection.ts';

/** Where the kernel shows what the firmware measured. */
export const eventLogPath = '/sys/kernel/security/tpm0/binary_bios_measurements';

/** No firmware is known to log a quarter of it; reading more would be of use to an attacker only. */
const logLimit = 1024 * 1024;
const eventLimit = 4096;
const algorithmLimit = 16;
const legacyDigestSize = 20;
const signatureSize = 16;

/** One measurement: what was extended into which PCR, and what the firmware says that it was. */
export interface MeasuredEvent {
  readonly pcr: number;
  /** TCG_EVENTTYPE. */
  readonly type: number;
  /** By bank; banks that this program does not compute are left out. */
  readonly digests: ReadonlyMap<EventLogBank, Buffer>;
  /** What the event says of itself. Not covered by the digest for every type: never to be trusted. */
  readonly data: Buffer;
}

export interface EventLog {
  readonly banks: readonly EventLogBank[];
  readonly events: readonly MeasuredEvent[];
}

/**
 * The log of this boot, or undefined when the kernel has none (no measuring firmware, or no securityfs).
 * @throws SesameError event-log-damaged, file-unreadable
 */
export function readEventLog(path = eventLogPath): EventLog | undefined {
  const bytes = readBounded(path, logLimit);
  return bytes === undefined || bytes.length === 0 ? undefined : parseEventLog(bytes, path);
}

/**
 * Reads a crypto-agile event log (TCG PC Client Platform Firmware Profile, section 10.2). Whatever the bytes are, it ends after one
 * pass and takes no more memory than they do.
 * @param path for the error
 * @throws SesameError event-log-damaged
 */
export function parseEventLog(bytes: Buffer, path: string): EventLog {
  const reader = new LogReader(bytes, path);
  const sizes = readHeader(reader);
  const events: MeasuredEvent[] = [];
  while (!reader.onlyPaddingLeft()) {
    if (events.length === eventLimit) throw reader.damaged(`it has more than ${eventLimit} events`);
    events.push(readEvent(reader, sizes));
  }
  const banks = [...sizes.keys()].map(eventLogBank).filter((bank) => bank !== undefined);
  return { banks, events };
}

/** The first event is of the old form, so that old parsers step over it; its data says which digests the others have. */
function readHeader(reader: LogReader): Map<number, number> {
  reader.skip(4); // PCR 0
  if (reader.u32() !== EventType.noAction) throw reader.damaged('it does not start with a specification event');
  reader.skip(legacyDigestSize);
  const body = reader.take(reader.u32());
  const header = new LogReader(body, reader.path);
  const signature = header.take(signatureSize).toString('latin1');
  if (signature !== 'Spec ID Event03\0') throw reader.damaged('it is not of the crypto-agile form of TPM 2.0');
  header.skip(8); // platform class, version and errata of the specification, size of an integer of the platform
  const count = header.u32();
  if (count === 0 || count > algorithmLimit) throw reader.damaged(`it claims ${count} hash algorithms`);
  const sizes = new Map<number, number>();
  for (let index = 0; index < count; index += 1) {
    const id = header.u16();
    const size = header.u16();
    const bank = eventLogBank(id);
    if (bank !== undefined && size !== eventLogBanks[bank].size) throw reader.damaged(`it claims ${size} bytes for ${bank}`);
    if (sizes.has(id)) throw reader.damaged('it names a hash algorithm twice');
    sizes.set(id, size);
  }
  return sizes;
}

function readEvent(reader: LogReader, sizes: ReadonlyMap<number, number>): MeasuredEvent {
  const pcr = reader.u32();
  const type = reader.u32();
  // What is not extended need not name a PCR.
  if (pcr >= pcrCount && type !== EventType.noAction) throw reader.damaged(`it names PCR ${pcr}`);
  const count = reader.u32();
  if (count > sizes.size) throw reader.damaged(`an event has ${count} digests`);
  const digests = new Map<EventLogBank, Buffer>();
  for (let index = 0; index < count; index += 1) {
    const id = reader.u16();
    const size = sizes.get(id);
    if (size === undefined)
      throw reader.damaged(`an event has a digest of algorithm 0x${id.toString(16)}, which its header lacks`);
    const digest = reader.take(size);
    const bank = eventLogBank(id);
    if (bank === undefined) continue;
    if (digests.has(bank)) throw reader.damaged(`an event has two digests of ${bank}`);
    digests.set(bank, digest);
  }
  return { pcr, type, digests, data: reader.take(reader.u32()) };
}

/** Reads little-endian fields one after the other and never past the end. */
class LogReader {
  readonly path: string;
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Buffer, path: string) {
    this.#bytes = bytes;
    this.path = path;
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#advance(2));
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#advance(4));
  }

  /** A view. */
  take(length: number): Buffer {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  skip(length: number): void {
    this.#advance(length);
  }

  /** Some firmware hands over the whole of the memory that it had set aside for the log. */
  onlyPaddingLeft(): boolean {
    const rest = this.#bytes.subarray(this.#position);
    const first = rest[0] ?? 0;
    return (first === 0 || first === 0xff) && rest.every((byte) => byte === first);
  }

  damaged(reason: string): SesameError {
    return SesameError.of('event-log-damaged', { path: this.path, reason: `at byte ${this.#position}, ${reason}` });
  }

  #advance(length: number): number {
    const start = this.#position;
    if (length > this.#bytes.length - start) throw this.damaged('it ends in the middle of an event');
    this.#position = start + length;
    return start;
  }
}
