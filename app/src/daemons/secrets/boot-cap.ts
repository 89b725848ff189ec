// SPDX-License-Identifier: MIT
import type { Sender } from '../../bus/handler.ts';
import type { Auditor } from './auditor.ts';
import type { BootCap, TpmBinding } from './tpm-binding.ts';

/**
 * Caps the boot state, where the configuration names a PCR for it. Caps first and reports afterwards: like a lock, it must work when
 * nothing can be written any more.
 * @returns what was capped
 * @throws SesameError those of the TPM, and those of the entry when it is capped but could not be recorded
 */
export async function capBoot(binding: TpmBinding, auditor: Auditor, sender: Sender): Promise<BootCap | undefined> {
  const { cap } = binding;
  if (cap === undefined) return undefined;
  const operation = binding.capOperation(cap.pcr, sender);
  try {
    await binding.capBootState();
  } catch (thrown) {
    auditor.note(operation, 'failed');
    throw thrown;
  }
  await auditor.outcome(operation, 'success');
  return cap;
}
