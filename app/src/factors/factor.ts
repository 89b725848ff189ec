// SPDX-License-Identifier: MIT
import type { VaultSuite } from '../crypto/suite.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import type { FactorId } from './factor-id.ts';

/** Length of a master key, and of the piece that a factor contributes in `all` mode, in bytes. */
export const pieceLength = 32;

/** What a person or a device presents for one factor. Whoever made the secret bytes releases them; nothing here keeps them. */
export interface Evidence {
  readonly factor: FactorId;
  readonly bytes: SecretBytes;
}

/** What a factor may know about the vault it belongs to. */
export interface FactorContext {
  readonly memory: SecretMemory;
  readonly profile: string;
  /** 16 bytes, not secret. */
  readonly salt: Buffer;
  readonly suite: VaultSuite;
}

/** A factor's file as it was read; the path is for messages. */
export interface FactorFile {
  readonly path: string;
  readonly bytes: Buffer;
}

/**
 * One way to prove who is there. A factor turns evidence into a key of its own and wraps 32 bytes under it; what those bytes
 * mean (the master key, or a piece of it) is not its business.
 */
export interface Factor {
  readonly id: FactorId;
  /** The file is `P.` and this. */
  readonly fileSuffix: string;
  /** For people, in the list of factors; never secret. */
  label(file: FactorFile): string;
  /**
   * The bytes of a new file.
   * @throws SesameError when the evidence cannot serve at all, e.g. an empty password
   */
  wrap(context: FactorContext, evidence: SecretBytes, piece: SecretBytes): Promise<Buffer>;
  /**
   * Checks that the file is one of ours that this version reads, without any work on evidence.
   * @throws SesameError file-damaged, file-too-new
   */
  check(file: FactorFile): void;
  /**
   * The wrapped bytes, or undefined when the evidence is wrong; both take the same work. The caller releases the result.
   * @throws SesameError for everything that is not wrong evidence; it does not count as a failed attempt
   */
  unwrap(context: FactorContext, file: FactorFile, evidence: SecretBytes): Promise<SecretBytes | undefined>;
  /**
   * Called before the bytes take the place of the present file, for the same piece.
   * @throws SesameError storage-*; then nothing is replaced
   */
  replaces?(present: FactorFile, next: Buffer): void;
  /** Called after the file was removed, for what the factor kept beside it. @throws SesameError storage-* */
  removed?(path: string): void;
}
