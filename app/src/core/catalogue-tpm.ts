// SPDX-License-Identifier: MIT
import { Exit } from './exit.ts';

/** The part of the catalogue that a TPM causes: 9 when the boot state changed, 10 when it cannot be used. */
export const tpmErrors = () =>
  ({
    'tpm-library-missing': {
      exit: Exit.tpmUnavailable,
      message:
        'the library {library} cannot be loaded: {cause}; install tpm2-tss (on Debian libtss2-esys-3.0.2-0, libtss2-tctildr0 and libtss2-rc0)',
    },
    'tpm-absent': {
      exit: Exit.tpmUnavailable,
      message: 'no TPM answers at {tcti}: {cause}; see dmesg and [global.tpm], and unlock with another factor meanwhile',
    },
    'tpm-slow': {
      exit: Exit.tpmUnavailable,
      message:
        'the TPM at {tcti} did not answer {command} within {seconds} s; try again, or unlock with another factor if it stays so',
    },
    'tpm-command-failed': {
      exit: Exit.tpmUnavailable,
      message: 'the TPM refused {command} with {response}: {cause}; see: sesame tpm status',
    },
    'tpm-replaced': {
      exit: Exit.tpmUnavailable,
      message:
        'the file {path} belongs to another TPM than the one that answers; bring that one back, or unlock with another factor and enrol this one: sesame tpm enroll',
    },
    'tpm-cleared': {
      exit: Exit.tpmUnavailable,
      message:
        'the TPM was cleared after {path} was written, its keys are gone for good; unlock with another factor and enrol it again: sesame tpm enroll',
    },
    'tpm-locked-out': {
      exit: Exit.tpmUnavailable,
      message:
        'the TPM refuses every PIN after {tries} failures; it allows another one after {seconds} s with power on, or unlock with another factor',
    },
    'tpm-owner-protected': {
      exit: Exit.tpmUnavailable,
      message:
        'the owner hierarchy of the TPM has a password, so no storage key can be made; make one at a persistent handle with tpm2_createprimary and tpm2_evictcontrol',
    },
    'tpm-handles-taken': {
      exit: Exit.tpmUnavailable,
      message: 'no persistent handle from {first} to {last} is free for the storage key; remove one with: tpm2_evictcontrol',
    },
    'tpm-policy-failed': {
      exit: Exit.bootStateChanged,
      message:
        'the TPM does not unseal for profile {profile}: this boot differs from the one that it was sealed to (bank {bank}) in {changed}; boot what was enrolled, or unlock with another factor and run: sesame tpm reseal -p {profile}',
    },
    'tpm-policy-mismatched': {
      exit: Exit.bootStateChanged,
      message:
        'the TPM does not unseal for profile {profile} although every PCR is as it was: the policy of {path} is another one; unlock with another factor and run: sesame tpm reseal -p {profile}',
    },
    'tpm-capped': {
      exit: Exit.locked,
      message:
        'the TPM does not unseal for profile {profile}: the boot state was capped after the unlock at boot; reboot, or unlock with another factor',
    },
    'tpm-cap-unset': {
      exit: Exit.configuration,
      message: 'no PCR is named to be capped; set cap_pcr under [global.tpm] to one of its pcrs',
    },
    'tpm-bank-missing': {
      exit: Exit.usage,
      message: 'the TPM has no PCR {pcrs} in its bank {bank}; choose others under [global.tpm], see: sesame tpm pcrs',
    },
    'tpm-pcrs-zero': {
      exit: Exit.usage,
      message:
        'the PCRs {pcrs} of the bank {bank} are all zero: nothing on this device measures its boot into them, so they would bind to nothing; choose others, or set allow_zero_pcrs under [global.tpm]',
    },
    'tpm-pin-unfit': { exit: Exit.usage, message: 'the PIN has {length} bytes; a TPM takes 1 to 32, and no NUL at the end' },
    'tpm-pin-missing': {
      exit: Exit.usage,
      message: 'the TPM factor of profile {profile} needs its PIN; give it with: sesame unlock -p {profile} --pin-stdin',
    },
  }) as const;
