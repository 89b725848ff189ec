// SPDX-License-Identifier: MIT
import { Exit } from '../../core/exit.ts';
import type { CommandDefinition } from '../definition.ts';
import {
  agentSocket,
  evidenceOrder,
  jsonOption,
  noPin,
  passwordStdin,
  pinStdin,
  profileOption,
  recoveryStdin,
} from './options.ts';

const pcrChoice =
  'The bank and the PCRs are those of [global.tpm] in the configuration. PCRs that are all zero are refused: nothing on this device measures ' +
  'its boot into them.';

export const tpmCommands: readonly CommandDefinition[] = [
  {
    name: 'tpm status',
    summary: 'show the TPM and what is sealed to it',
    description: [
      'Shows what the TPM says of itself, how many wrong PINs it has counted, and for each enrolled profile the PCRs that its key is sealed to and ' +
        'which of them are different now.',
    ],
    arguments: [],
    options: [jsonOption],
    examples: [{ text: 'Is there a TPM?', line: 'sesame tpm status' }],
    exits: [Exit.denied, Exit.tpmUnavailable, Exit.unreachable],
    load: () => import('../commands/tpm-status.ts'),
  },
  {
    name: 'tpm pcrs',
    summary: 'show PCRs, now and as a profile is sealed to them',
    description: [
      'Without --profile all 24 PCRs of a bank. With it those that the key of the profile is sealed to, as they were and as they are; exit 9 when one ' +
        'differs.',
    ],
    arguments: [],
    options: [
      { ...profileOption, description: 'compare with what this profile is sealed to' },
      {
        long: 'bank',
        value: 'BANK',
        choices: ['sha256', 'sha384'],
        description: 'the bank (default: sha256)',
      },
      jsonOption,
    ],
    examples: [{ text: 'What changed?', line: 'sesame tpm pcrs -p device' }],
    exits: [Exit.denied, Exit.notFound, Exit.bootStateChanged, Exit.tpmUnavailable, Exit.unreachable],
    load: () => import('../commands/tpm-pcrs.ts'),
  },
  {
    name: 'tpm enroll',
    summary: 'let the TPM of this machine open a vault',
    description: [
      'The same as `sesame factor add tpm`, and where the TPM is enrolled already, after it was cleared for instance, `sesame factor replace tpm`. The ' +
        'vault must be unlocked. It then opens only on this machine, and only while the selected PCRs are as they are now.',
      pcrChoice,
      'With --pin-stdin the TPM also wants a PIN at every unlock, and counts wrong ones.',
      evidenceOrder,
    ],
    arguments: [],
    options: [profileOption, pinStdin, noPin, passwordStdin, recoveryStdin, agentSocket, jsonOption],
    examples: [{ text: 'Without a PIN', line: 'sesame tpm enroll -p device' }],
    exits: [Exit.notInitialised, Exit.locked, Exit.denied, Exit.tpmUnavailable, Exit.storage, Exit.unreachable],
    load: () => import('../commands/tpm-enroll.ts'),
  },
  {
    name: 'tpm reseal',
    summary: 'seal to the boot state of now',
    description: [
      'The same as `sesame factor replace tpm`: after a change of the boot that was meant, so that the vault opens by itself again. The vault must be ' +
        'unlocked, with another factor. Where the boot state was capped, the value from before is used.',
      pcrChoice,
      evidenceOrder,
    ],
    arguments: [],
    options: [profileOption, pinStdin, noPin, passwordStdin, recoveryStdin, agentSocket, jsonOption],
    examples: [{ text: 'After an update', line: 'sesame tpm reseal -p device' }],
    exits: [Exit.notInitialised, Exit.locked, Exit.denied, Exit.notFound, Exit.tpmUnavailable, Exit.storage, Exit.unreachable],
    load: () => import('../commands/tpm-reseal.ts'),
  },
  {
    name: 'tpm cap',
    summary: 'close the boot state until the next boot',
    description: [
      'Extends the PCR that [global.tpm] names as cap_pcr, so that nothing that starts later can unseal with the TPM, a restarted daemon included. ' +
        'Vaults that are unlocked stay so. The daemon does this itself after the automatic unlock.',
    ],
    arguments: [],
    options: [jsonOption],
    examples: [{ text: 'After everything has started', line: 'sesame tpm cap' }],
    exits: [Exit.denied, Exit.tpmUnavailable, Exit.unreachable, Exit.configuration],
    load: () => import('../commands/tpm-cap.ts'),
  },
];
