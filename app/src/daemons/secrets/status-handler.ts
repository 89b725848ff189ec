// SPDX-License-Identifier: MIT
import type { Handlers } from '../../bus/handler.ts';
import type { ReplyBody } from '../../bus/messages.ts';
import { SesameError } from '../../core/errors.ts';
import type { Keyring } from '../../factors/keyring.ts';
import type { Foundation } from '../foundation.ts';
import { health } from '../health.ts';
import type { VaultSet } from './vault-set.ts';

type VaultStatus = ReplyBody<'secrets-status'>['vaults'][number];

/** Answers what state the daemon and its vaults are in. It opens nothing and waits for nothing. */
export function statusHandler(foundation: Foundation, keyring: Keyring, vaults: VaultSet): Handlers {
  return {
    async 'secrets-status'() {
      return {
        body: {
          daemon: health(foundation),
          vaults: keyring
            .profiles()
            .slice(0, 256)
            .map((profile) => vaultStatus(keyring, vaults, profile)),
        },
      };
    },
  };
}

function vaultStatus(keyring: Keyring, vaults: VaultSet, profile: string): VaultStatus {
  const open = vaults.isOpen(profile);
  try {
    const { enforcement } = keyring.list(profile);
    const problem = vaults.problem(profile);
    if (problem !== undefined) return { profile, state: 'damaged', open, problem, enforcement };
    if (vaults.isUnlocked(profile)) return { profile, state: 'unlocked', open, enforcement };
    return { profile, state: keyring.partialUnlock(profile) === undefined ? 'locked' : 'partial', open, enforcement };
  } catch (thrown) {
    if (!(thrown instanceof SesameError)) throw thrown;
    return { profile, state: 'damaged', open, problem: thrown.message };
  }
}
