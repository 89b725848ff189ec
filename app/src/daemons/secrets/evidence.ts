// SPDX-License-Identifier: MIT
import type { RequestBody } from '../../bus/messages.ts';
import { SesameError } from '../../core/errors.ts';
import { mayBeEmpty, requireFactorId } from '../../factors/factor-id.ts';
import type { Evidence } from '../../factors/keyring.ts';
import type { SecretBytes, SecretMemory } from '../../memory/secret-bytes.ts';

type EvidenceParts = RequestBody<'vault-unlock'>['evidence'];

/**
 * Takes the parts of the evidence out of the attachment, each into secret memory of its own, for as long as the work takes.
 * @throws SesameError message-invalid when the lengths do not add up; factor-unknown
 */
export async function withEvidence<Result>(
  memory: SecretMemory,
  kind: string,
  parts: EvidenceParts,
  attachment: SecretBytes | undefined,
  work: (evidence: readonly Evidence[]) => Promise<Result>,
): Promise<Result> {
  const expected = parts.reduce((sum, { length }) => sum + length, 0);
  if (expected !== (attachment?.length ?? 0)) {
    throw SesameError.of('message-invalid', { kind, reason: 'the lengths of the evidence do not add up to the attachment' });
  }
  const evidence: Evidence[] = [];
  try {
    let offset = 0;
    for (const { factor: name, length } of parts) {
      const factor = requireFactorId(name);
      if (length === 0 && !mayBeEmpty(factor))
        throw SesameError.of('message-invalid', { kind, reason: `the evidence for ${factor} is empty` });
      const bytes = length === 0 ? memory.take(Buffer.alloc(0)) : memory.allocate(length);
      evidence.push({ factor, bytes });
      if (length > 0) bytes.bytes.set(attachment?.bytes.subarray(offset, offset + length) ?? []);
      offset += length;
    }
    return await work(evidence);
  } finally {
    for (const { bytes } of evidence) bytes.release();
  }
}
