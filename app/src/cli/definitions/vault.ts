// SPDX-License-Identifier: MIT
import { Exit } from '../../core/exit.ts';
import type { CommandDefinition } from '../definition.ts';
import {
  agentSocket,
  evidenceOrder,
  jsonOption,
  noRecoveryKey,
  passwordStdin,
  pinStdin,
  profileOption,
  recoveryKey,
  recoveryManners,
  recoveryStdin,
  sshKeyOptions,
} from './options.ts';

export const vaultCommands: readonly CommandDefinition[] = [
  {
    name: 'init',
    summary: 'create the vault of a profile',
    description: [
      'Creates the installation if there is none, then the vault of the profile with its first factors. It is locked until `sesame unlock`.',
      'It also writes the access rules to start from: administrators may do everything, and every other client nothing until a rule ' +
        'under [profiles.PROFILE.secrets.access] of config.toml names it.',
      recoveryManners,
      evidenceOrder,
    ],
    arguments: [],
    options: [
      profileOption,
      {
        long: 'factor',
        value: 'FACTOR',
        choices: ['password', 'ssh-agent', 'tpm'],
        repeated: true,
        list: true,
        description:
          'a factor that opens the vault; several are given separated by commas, or each by an option of its own (default: password)',
      },
      passwordStdin,
      pinStdin,
      ...sshKeyOptions,
      {
        long: 'policy',
        value: 'POLICY',
        choices: ['any', 'all'],
        description:
          'any: one factor suffices; all: every factor is needed (default: what [profiles.PROFILE.auth] of the configuration says, or any)',
      },
      recoveryKey,
      noRecoveryKey,
      jsonOption,
    ],
    examples: [
      { text: 'On a terminal', line: 'sesame init -p device' },
      { text: 'Opened by a password or by a key of the ssh agent', line: 'sesame init -p device --factor password,ssh-agent' },
      {
        text: 'From a provisioning script',
        line: 'sesame init -p device --factor password --password-stdin --json < password-file',
      },
    ],
    exits: [
      Exit.denied,
      Exit.notFound,
      Exit.alreadySo,
      Exit.authenticationFailed,
      Exit.tpmUnavailable,
      Exit.storage,
      Exit.unreachable,
      Exit.configuration,
    ],
    load: () => import('../commands/init.ts'),
  },
  {
    name: 'status',
    summary: 'show daemons, secret memory and vaults, or examine the device',
    description: [
      'Shows both daemons, how secret memory is protected, the audit chain and the state of every vault.',
      'With --doctor each thing that can go wrong on a device is checked and named, with its cause and what to do about it. ' +
        'With --exit-code the result is the exit code: 0 all pass, 1 a failure, 2 a warning.',
    ],
    arguments: [],
    options: [
      { long: 'doctor', description: 'examine the device, one line a check' },
      { long: 'exit-code', description: 'with --doctor: exit 0 if all pass, 1 on a failure, 2 on a warning' },
      jsonOption,
    ],
    examples: [
      { text: 'What is wrong with this device?', line: 'sesame status --doctor' },
      { text: 'For a monitoring system', line: 'sesame status --doctor --exit-code --json' },
    ],
    exits: [Exit.unreachable],
    load: () => import('../commands/status.ts'),
  },
  {
    name: 'unlock',
    summary: 'open the vault of a profile',
    description: [
      'Sends the evidence to daemon-secrets, which verifies it by opening the vault. Keys never leave the daemon.',
      'Where the policy asks for several factors and only some are given, the vault is unlocked in part: the missing ones are named on standard ' +
        'error, exit code 4, and there are two minutes to bring them. On a terminal they are asked for at once.',
      'Where the TPM is enrolled it is used without being asked for; where it has a PIN, that is asked for. If the boot state changed (exit 9) or the ' +
        'TPM cannot be used (exit 10), the other factors follow on a terminal.',
      'Where a key of the ssh agent is enrolled and an agent is there, such as that of `ssh -A`, it is used without being asked for. If it does not ' +
        'hold the key, the other factors follow.',
      evidenceOrder,
    ],
    arguments: [],
    options: [
      profileOption,
      passwordStdin,
      pinStdin,
      recoveryStdin,
      { long: 'tpm', description: 'use the TPM and ask for nothing else' },
      { long: 'ssh-agent', description: 'use the ssh agent and ask for nothing else' },
      agentSocket,
      jsonOption,
    ],
    examples: [
      { text: 'On a terminal', line: 'sesame unlock -p device' },
      { text: 'From the computer where the ssh key is', line: 'ssh -A device sesame unlock -p device' },
      { text: 'With the recovery key', line: 'sesame unlock -p device --recovery-stdin < key.txt' },
    ],
    exits: [
      Exit.notInitialised,
      Exit.locked,
      Exit.denied,
      Exit.notFound,
      Exit.alreadySo,
      Exit.authenticationFailed,
      Exit.bootStateChanged,
      Exit.tpmUnavailable,
      Exit.damaged,
      Exit.storage,
      Exit.unreachable,
    ],
    load: () => import('../commands/unlock.ts'),
  },
  {
    name: 'lock',
    summary: 'wipe the keys of a vault, or of all',
    description: ['Without --profile every vault is locked. Keys are wiped before the answer comes.'],
    arguments: [],
    options: [{ ...profileOption, description: 'the profile to lock; without it all' }, jsonOption],
    examples: [{ text: 'Lock everything', line: 'sesame lock' }],
    exits: [Exit.notInitialised, Exit.denied, Exit.storage, Exit.unreachable],
    load: () => import('../commands/lock.ts'),
  },
  {
    name: 'rekey',
    summary: 'give a vault a new master key',
    description: [
      'Encrypts every secret under a new master key and switches over in one step, survivable at any moment. Old copies of the factor files no ' +
        'longer open anything afterwards.',
      'Every factor that stays needs its evidence. A factor without evidence is dropped, and must be named with --drop so that none is lost ' +
        'by accident. A recovery key is replaced by a new one.',
      recoveryManners,
      evidenceOrder,
    ],
    arguments: [],
    options: [
      profileOption,
      passwordStdin,
      pinStdin,
      recoveryStdin,
      agentSocket,
      { long: 'drop', value: 'FACTOR', repeated: true, description: 'a factor that will not open the vault any more' },
      recoveryKey,
      noRecoveryKey,
      jsonOption,
    ],
    examples: [{ text: 'After a factor was removed', line: 'sesame rekey -p device' }],
    exits: [
      Exit.notInitialised,
      Exit.locked,
      Exit.denied,
      Exit.notFound,
      Exit.authenticationFailed,
      Exit.damaged,
      Exit.storage,
      Exit.unreachable,
    ],
    load: () => import('../commands/rekey.ts'),
  },
  {
    name: 'keys rotate',
    summary: 'replace a key of the bus',
    description: [
      'Makes a new key pair for the bus, which belongs to daemon-profile, or for daemon-secrets. The old one is accepted until the grace period has passed; nothing is interrupted.',
    ],
    arguments: [
      {
        name: 'KEY',
        optional: true,
        choices: ['bus', 'daemon-secrets'],
        description: 'whose key (default: bus)',
      },
    ],
    options: [jsonOption],
    examples: [{ text: 'The key of daemon-secrets', line: 'sesame keys rotate daemon-secrets' }],
    exits: [Exit.denied, Exit.storage, Exit.unreachable],
    load: () => import('../commands/keys-rotate.ts'),
  },
];
