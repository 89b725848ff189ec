// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { longestKeyBlob, type PublicKey, parsePublicKey } from '../ssh/public-key.ts';
import { longestSignature } from '../ssh/signature.ts';
import { MalformedWire, WireReader, writeString } from '../ssh/wire.ts';

/**
 * Evidence of the ssh-agent factor, as strings of SSH: the public key's blob, the inner bytes of its signature over the challenge and, to
 * enrol the key, those of a second signature.
 */
export interface SshEvidence {
  readonly key: PublicKey;
  /** A view on the evidence, as is the second one. */
  readonly signature: Buffer;
  readonly again: Buffer | undefined;
}

/** @param signatures one, or two to enrol the key; they stay the caller's, the result is the caller's too */
export function encodeSshEvidence(memory: SecretMemory, key: PublicKey, signatures: readonly SecretBytes[]): SecretBytes {
  const length = signatures.reduce((sum, signature) => sum + 4 + signature.length, 4 + key.blob.length);
  const evidence = memory.allocate(length);
  let offset = writeString(evidence.bytes, 0, key.blob);
  for (const signature of signatures) offset = writeString(evidence.bytes, offset, signature.bytes);
  return evidence;
}

/** @throws SesameError message-invalid */
export function decodeSshEvidence(evidence: SecretBytes): SshEvidence {
  const reader = new WireReader(evidence.bytes);
  try {
    const blob = bounded(reader.string(), longestKeyBlob);
    const signature = bounded(reader.string(), longestSignature);
    const again = reader.atEnd ? undefined : bounded(reader.string(), longestSignature);
    reader.end();
    return { key: parsePublicKey(blob), signature, again };
  } catch (thrown) {
    if (!(thrown instanceof MalformedWire)) throw thrown;
    throw SesameError.of('message-invalid', { kind: 'evidence for ssh-agent', reason: thrown.message }, thrown);
  }
}

function bounded(bytes: Buffer, longest: number): Buffer {
  if (bytes.length > longest) throw new MalformedWire(`${bytes.length} bytes are more than ${longest}`);
  return bytes;
}
