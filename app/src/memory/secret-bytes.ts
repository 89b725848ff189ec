// SPDX-License-Identifier: MIT

/**
 * Bytes in secret memory. The Buffer is the mapping itself, not a copy; on release it is wiped and detached, so that a
 * reference kept by mistake reads as empty instead of touching memory that is gone. Work that goes on after the call returns (an
 * asynchronous write, a cipher on the thread pool) keeps the address itself: release only after it has ended.
 */
export interface SecretBytes {
  /** Length in bytes; stays readable after release. */
  readonly length: number;
  /** The bytes themselves. Never keep this Buffer: ask again each time. Throws AssertionError after release. */
  readonly bytes: Buffer;
  readonly released: boolean;
  /** Checks the canary, wipes, detaches and gives the pages back. Calling it again does nothing. */
  release(): void;
}

/** How pages are protected here. `mlock` is the fallback: swapped out never, but readable by the kernel and by root. */
export type Protection = 'memfd_secret' | 'mlock';

export interface SecretMemoryStatus {
  readonly protection: Protection;
  /** Why the fallback is in use; absent with memfd_secret. */
  readonly cause?: string;
  /** What would bring memfd_secret back; absent with memfd_secret. */
  readonly remedy?: string;
  readonly pagesInUse: number;
  readonly pagesPooled: number;
  /** RLIMIT_MEMLOCK in bytes; Infinity when unlimited. */
  readonly lockLimit: number;
}

export interface SecretMemory {
  /**
   * @param length in bytes, 1 or more; the bytes are zero
   * @throws SesameError secret-memory-exhausted when RLIMIT_MEMLOCK leaves no room
   */
  allocate(length: number): SecretBytes;
  /** Copies the bytes in and wipes the source in the same tick. An empty source gives empty secret bytes. */
  take(source: Uint8Array): SecretBytes;
  status(): SecretMemoryStatus;
  /** Gives pooled pages back to the kernel; those in use stay. */
  trim(): void;
}
