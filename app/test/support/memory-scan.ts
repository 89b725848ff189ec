// SPDX-License-Identifier: MIT
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { systemErrorCode } from '../../src/core/errors.ts';

export interface Finding {
  /** Index into the needles. */
  readonly needle: number;
  readonly address: bigint;
  /** What /proc/PID/maps calls the region: a path, [heap], [stack], or empty for anonymous memory. */
  readonly mapping: string;
}

export interface Scan {
  readonly findings: Finding[];
  /** How much was really looked at: a scan that could read nothing finds nothing. */
  readonly bytesRead: number;
  /** Regions that hold nothing readable although the map says so: secret memory, device memory. */
  readonly unreadable: number;
}

interface Region {
  readonly start: bigint;
  readonly end: bigint;
  readonly mapping: string;
}

/** ERR_OUT_OF_RANGE is Node's answer to the address of [vsyscall]. */
const unreadableCodes: ReadonlySet<string> = new Set(['EIO', 'EFAULT', 'ERR_OUT_OF_RANGE']);
const chunkBytes = 1 << 20;

/**
 * Looks for bytes in all readable memory of a process, by proc(5)'s maps and mem. Needs root for a process that is not dumpable.
 * Scanning oneself finds the needles themselves too.
 * @param needles each of 8 bytes or more, or chance finds them
 */
export function scanMemory(pid: number | 'self', needles: readonly Buffer[]): Scan {
  const overlap = Math.max(0, ...needles.map((needle) => needle.length - 1));
  const buffer = Buffer.alloc(chunkBytes + overlap);
  const findings: Finding[] = [];
  let bytesRead = 0;
  let unreadable = 0;
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const region of readableRegions(pid)) {
      const found = scanRegion(memory, region, needles, buffer, overlap);
      findings.push(...found.findings);
      bytesRead += found.bytesRead;
      if (found.bytesRead === 0) unreadable += 1;
    }
  } finally {
    buffer.fill(0);
    closeSync(memory);
  }
  return { findings, bytesRead, unreadable };
}

/** As `scanMemory`, for who only wants to know what was found. */
export function scanProcess(pid: number | 'self', needles: readonly Buffer[]): Finding[] {
  return scanMemory(pid, needles).findings;
}

function readableRegions(pid: number | 'self'): Region[] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  return lines.flatMap((line) => {
    const match = /^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \d+\s*(.*)$/.exec(line);
    if (match === null) return [];
    const [, start = '', end = '', mapping = ''] = match;
    return [{ start: BigInt(`0x${start}`), end: BigInt(`0x${end}`), mapping }];
  });
}

/** Chunks overlap, so that a needle across their border is seen, and once only. */
function scanRegion(memory: number, region: Region, needles: readonly Buffer[], buffer: Buffer, overlap: number) {
  const findings: Finding[] = [];
  let bytesRead = 0;
  let carried = 0;
  for (let address = region.start; address < region.end; ) {
    const wanted = Math.min(chunkBytes, Number(region.end - address));
    const read = readChunk(memory, buffer, carried, wanted, address);
    const window = buffer.subarray(0, carried + read);
    const windowStart = address - BigInt(carried);
    for (const [needle, bytes] of needles.entries()) {
      for (let at = window.indexOf(bytes); at !== -1; at = window.indexOf(bytes, at + 1)) {
        // Within what was carried over it was found before.
        if (at + bytes.length > carried) {
          findings.push({ needle, address: windowStart + BigInt(at), mapping: region.mapping });
        }
      }
    }
    bytesRead += read;
    // After a hole nothing continues into the next page.
    carried = read === wanted ? Math.min(overlap, window.length) : 0;
    window.copy(buffer, 0, window.length - carried);
    address += BigInt(read === wanted ? read : read - (read % 4096) + 4096);
  }
  return { findings, bytesRead };
}

/** @returns fewer bytes than wanted, or none, where a page cannot be read: EIO for secret memory, EFAULT for what was unmapped meanwhile */
function readChunk(memory: number, buffer: Buffer, offset: number, length: number, address: bigint): number {
  try {
    return readSync(memory, buffer, offset, length, address);
  } catch (thrown) {
    if (unreadableCodes.has(systemErrorCode(thrown) ?? '')) return 0;
    throw thrown;
  }
}
