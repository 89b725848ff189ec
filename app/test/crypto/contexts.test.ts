// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as contexts from '../../src/crypto/contexts.ts';

describe('the derivation contexts', () => {
  it('are those of the file format, letter by letter', () => {
    const written = Object.fromEntries(
      Object.entries(contexts).map(([name, context]) => [name, typeof context === 'string' ? context : context('device')]),
    );
    assert.deepEqual(written, {
      combinedMasterKeyContext: 'pds v2 combined-master-key device',
      entryKeyContext: 'pds v2 entry-encryption-key',
      ipcFieldKeyContext: 'pds v2 ipc-encryption-key device',
      recoveryKekContext: 'pds v2 recovery-kek device',
      sshChallengeContext: 'pds v2 ssh-challenge device',
      sshKekContext: 'pds v2 ssh-vault-kek device',
      tpmApprovalKeyContext: 'pds v2 tpm-approval-key device',
      tpmKekContext: 'pds v2 tpm-kek device',
      vaultKeyContext: 'pds v2 vault-key device',
    });
  });
});
