// SPDX-License-Identifier: MIT
import type { Sender } from '../../bus/handler.ts';
import { describe, SesameError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { deviceAppears } from '../../linux/tss2/device.ts';
import { capBoot } from './boot-cap.ts';
import type { TpmBinding } from './tpm-binding.ts';
import { unlockVault, type VaultHandlersOptions } from './vault-handlers.ts';

/** How long a device that is not there yet is waited for, in ms. */
const deviceLimitMs = 30_000;

export interface BootUnlockOptions {
  readonly vaultOptions: VaultHandlersOptions;
  readonly binding: TpmBinding;
  readonly logger: Logger;
  /** On whose behalf. */
  readonly sender: Sender;
}

/**
 * Opens the vaults that are to open by themselves, with the TPM alone, and then caps the boot state where that is asked for, whatever
 * became of the vaults: what starts later has no business with the TPM, and the state directory, which says what is active, is nobody's
 * word. A vault that does not open is named in the log and keeps nobody waiting: its other factors work.
 * @param profiles gives those whose configuration has `unlock = "tpm"` and that are active
 * @param begun when this was found out, see `unlockVault`
 */
export async function unlockAtBoot(options: BootUnlockOptions, profiles: () => Promise<string[]>, begun: number): Promise<void> {
  try {
    await openVaults(options, await profiles(), begun);
  } finally {
    await capAfterwards(options);
  }
}

async function openVaults(
  { vaultOptions, binding, logger, sender }: BootUnlockOptions,
  profiles: readonly string[],
  begun: number,
): Promise<void> {
  const { keyring, vaults, memory } = vaultOptions;
  const waiting = profiles.filter((profile) => keyring.exists(profile) && !vaults.isUnlocked(profile));
  if (waiting.length > 0) await deviceAppears(binding.tpm.tcti, deviceLimitMs);
  for (const profile of waiting) {
    const bytes = memory.take(Buffer.alloc(0));
    try {
      const { body } = await unlockVault(vaultOptions, profile, [{ factor: 'tpm', bytes }], sender, begun);
      logger.info('the TPM was presented for a vault', { profile, state: body.state });
    } catch (thrown) {
      if (!(thrown instanceof SesameError)) throw thrown;
      logger.error(thrown.message, { profile, code: thrown.code });
    } finally {
      bytes.release();
    }
  }
}

async function capAfterwards({ vaultOptions, binding, logger, sender }: BootUnlockOptions): Promise<void> {
  const { cap } = binding;
  if (cap === undefined) return;
  await deviceAppears(binding.tpm.tcti, deviceLimitMs);
  try {
    await capBoot(binding, vaultOptions.auditor, sender);
  } catch (thrown) {
    logger.error('the boot state could not be capped, or this was not recorded', { pcr: cap.pcr, cause: describe(thrown) });
  }
  for (const profile of binding.notClosedByCap(cap))
    logger.warn('capping does not close what this profile is sealed to; seal it again: sesame tpm reseal', {
      profile,
      pcr: cap.pcr,
    });
}
