// SPDX-License-Identifier: MIT
import { Exit } from './exit.ts';

/** The part of the catalogue about what firmware measures, and about approving the boot states that it leads to. */
export const bootErrors = () =>
  ({
    'event-log-damaged': {
      exit: Exit.damaged,
      message: 'the boot event log {path} is malformed: {reason}; update the firmware, or give predicted PCR values instead',
    },
    'tpm-counters-taken': {
      exit: Exit.tpmUnavailable,
      message:
        'every NV index of the TPM from {first} to {last} is used by somebody else; remove one with: tpm2_nvundefine, or enrol with policy = "pcr" under [global.tpm]',
    },
    'tpm-counter-replaced': {
      exit: Exit.tpmUnavailable,
      message:
        'the NV index {index} of the TPM, which revokes approvals, is not ours any more ({found} is there); unlock with another factor and enrol again: sesame tpm enroll',
    },
    'boot-file-unusable': { exit: Exit.usage, message: 'the file {path} cannot be measured: {reason}; nothing was approved' },
    'boot-unpredictable': {
      exit: Exit.usage,
      message:
        'this boot does not tell what the next one will be measured as: {reason}; give its PCR values with --pcr-file or its log with --event-log',
    },
    'pcr-file-malformed': {
      exit: Exit.usage,
      message: 'the PCR file {path} is malformed: {reason}; write it with: tpm2_pcrread {selection} > FILE',
    },
    'tpm-approval-key-wrong': {
      exit: Exit.usage,
      message:
        'profile {profile} cannot approve boot states: its approvals are signed by another key than the one of its vault; enrol again with: sesame tpm enroll -p {profile}',
    },
    'tpm-approvals-forged': {
      exit: Exit.damaged,
      message:
        'nothing was approved: {what} in the TPM enrolment of profile {profile}; somebody changed the file or put back an older one; check the device, then run: sesame tpm reseal -p {profile}',
    },
    'tpm-approval-pending': {
      exit: Exit.usage,
      message:
        'profile {profile} has approved a boot state that was not booted yet ({label}), and would lose that approval; reboot into it first, or approve the boot state of now in its place: sesame tpm authorize -p {profile} --event-log /sys/kernel/security/tpm0/binary_bios_measurements',
    },
    'tpm-piece-sealed': {
      exit: Exit.usage,
      message:
        'profile {profile} needs all of its factors, so the TPM itself would have to unseal to approve a boot state, and {reason}; reseal after the update with the recovery key, or use the policy "any"',
    },
    'tpm-boot-unfit': {
      exit: Exit.usage,
      message:
        'the boot state does not have a value for each PCR that profile {profile} is sealed to, {selection}; give them all, from this bank',
    },
    'tpm-policy-fixed': {
      exit: Exit.usage,
      message:
        'the TPM factor of profile {profile} is sealed to PCR values, which no approval changes; after the update run: sesame tpm reseal, or enrol again with policy = "authorize" under [global.tpm]',
    },
    'tpm-approval-revoked': {
      exit: Exit.bootStateChanged,
      message:
        'the TPM does not unseal for profile {profile}: this boot state was approved once and a newer one has replaced it; boot the newer one, or unlock with another factor and run: sesame tpm reseal -p {profile}',
    },
    'vault-restored': {
      exit: Exit.damaged,
      message:
        'the vault of profile {profile} is an older copy: the TPM remembers a later one; put that one back, or, if you restored it on purpose, open it with the recovery key, or set rollback = "warn" under [global.tpm] for one unlock',
    },
    'audit-rewritten': {
      exit: Exit.damaged,
      message:
        'entry {sequence} of the audit chain is not the one that a vault remembers: the chain was written anew or replaced; put the right one back, or, if you replaced it on purpose, unlock with the recovery key, or set rollback = "warn" under [global.tpm] for one unlock',
    },
    'audit-restored': {
      exit: Exit.damaged,
      message:
        'the audit chain is an older copy: it ends at entry {found} and a vault remembers entry {expected}; put the later one back, or, if you restored it on purpose, unlock with the recovery key, or set rollback = "warn" under [global.tpm] for one unlock',
    },
    'vault-unmarked': {
      exit: Exit.damaged,
      message:
        'the vault of profile {profile} was never compared with the TPM: it is from before rollback protection, or was put back to a copy from then; put a later one back, or, if there is none, open it with the recovery key, which marks it; with rollback = "off" under [global.tpm] nothing is compared',
    },
    'tpm-state-removed': {
      exit: Exit.damaged,
      message:
        'the counter in the TPM that tells an older copy of the vault of profile {profile} from a later one was removed or made anew, although the TPM is the same: this may be an older copy; put a later one back, or, if there is none, open it with the recovery key, or set rollback = "warn" under [global.tpm] for one unlock',
    },
    'tpm-state-lost': {
      exit: Exit.tpmUnavailable,
      message:
        'the TPM does not have the counter that the vault of profile {profile} remembers: it was cleared or is another one, so an older copy of the vault could not be told from this one; protection starts anew',
    },
  }) as const;
