// SPDX-License-Identifier: MIT

/** A chip may take 11 s for one command, and others may be before us. */
export const tpmTimeoutMs = 120_000;
