// SPDX-License-Identifier: MIT

// The contexts that keep one derived key from ever equalling another. They are part of the file format ("Keys" in FORMATS.md)
// and upstream's, word for word; a changed letter is another key.

/** Master key → vault key, which opens the database. */
export const vaultKeyContext = (profile: string): string => `pds v2 vault-key ${profile}`;

/** Vault key → entry key, which seals the values. The profile is in the vault key already. */
export const entryKeyContext = 'pds v2 entry-encryption-key';

/** Master key → key for single fields of a message. */
export const ipcFieldKeyContext = (profile: string): string => `pds v2 ipc-encryption-key ${profile}`;

/** Salt → what an ssh agent is asked to sign. */
export const sshChallengeContext = (profile: string): string => `pds v2 ssh-challenge ${profile}`;

/** Signature → key-encryption key of the ssh-agent factor. */
export const sshKekContext = (profile: string): string => `pds v2 ssh-vault-kek ${profile}`;

/** All factors' pieces, concatenated in factor order → master key of the `all` mode. */
export const combinedMasterKeyContext = (profile: string): string => `pds v2 combined-master-key ${profile}`;

/** Recovery bytes → key-encryption key of the recovery wrap. */
export const recoveryKekContext = (profile: string): string => `pds v2 recovery-kek ${profile}`;

/** What the TPM factor protects → private key that approves the boot states that it may be unsealed in. */
export const tpmApprovalKeyContext = (profile: string): string => `pds v2 tpm-approval-key ${profile}`;

/** Bytes that a TPM sealed → key-encryption key of the tpm factor. */
export const tpmKekContext = (profile: string): string => `pds v2 tpm-kek ${profile}`;
