// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { readBounded } from './files.ts';

/** Memory of one process in kB (1024 bytes), as proc(5) counts it. */
export interface MemoryUsage {
  /** Pages with no file behind them: what the process itself costs. Secret pages are not among them. */
  readonly anonymousKb: number;
  /** Everything present, the shared pages of the binary included. */
  readonly residentKb: number;
  /** Of mlock and memfd_secret. */
  readonly lockedKb: number;
  /** The highest `residentKb` so far. */
  readonly peakKb: number;
}

/**
 * Reads /proc/PID/smaps_rollup and status. Of a process that is not dumpable, only root may read the first; the second gives the
 * same figures to within the kernel's per-CPU rounding.
 * @throws SesameError file-unreadable when there is no such process or it may not be read
 */
export function memoryUsage(pid: number | 'self'): MemoryUsage {
  const status = readTable(`/proc/${pid}/status`);
  const rollup = readTableIfAllowed(`/proc/${pid}/smaps_rollup`);
  return {
    anonymousKb: rollup?.get('Anonymous') ?? status.get('RssAnon') ?? 0,
    residentKb: rollup?.get('Rss') ?? status.get('VmRSS') ?? 0,
    lockedKb: status.get('VmLck') ?? 0,
    peakKb: status.get('VmHWM') ?? 0,
  };
}

function readTableIfAllowed(path: string): Map<string, number> | undefined {
  try {
    return readTable(path);
  } catch (thrown) {
    if (thrown instanceof SesameError && thrown.code === 'file-unreadable') return undefined;
    throw thrown;
  }
}

function readTable(path: string): Map<string, number> {
  const text = readBounded(path, 65_536)?.toString();
  if (text === undefined) throw SesameError.of('file-unreadable', { path, cause: 'there is no such process' });
  return new Map([...text.matchAll(/^(\w+):\s+(\d+) kB$/gm)].map(([, name = '', kilobytes]) => [name, Number(kilobytes)]));
}
