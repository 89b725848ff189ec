// SPDX-License-Identifier: MIT
import type { ArgumentDefinition, OptionDefinition } from '../definition.ts';

/** Options that several commands share, so that they read the same everywhere. */
export const profileOption: OptionDefinition = {
  long: 'profile',
  short: 'p',
  value: 'PROFILE',
  completes: 'profile',
  description: 'the profile; without it the default profile of the configuration',
};

export const jsonOption: OptionDefinition = { long: 'json', description: 'print one JSON value instead of text for people' };

export const passwordStdin: OptionDefinition = {
  long: 'password-stdin',
  description: 'read the password from standard input, one line; without it a terminal is asked',
};

export const pinStdin: OptionDefinition = {
  long: 'pin-stdin',
  description: 'read the PIN of the TPM from standard input, one line of 1 to 32 bytes',
};

export const noPin: OptionDefinition = { long: 'no-pin', description: 'with a TPM that had a PIN: none from now on' };

export const recoveryStdin: OptionDefinition = {
  long: 'recovery-stdin',
  description: 'read the recovery key from standard input, one line',
};

export const recoveryKey: OptionDefinition = {
  long: 'recovery-key',
  description: 'make a recovery key and print it on standard output, even where no terminal shows it',
};

export const noRecoveryKey: OptionDefinition = { long: 'no-recovery-key', description: 'make no recovery key' };

export const profileArgument: ArgumentDefinition = {
  name: 'PROFILE',
  optional: true,
  completes: 'profile',
  description: 'the profile; may also be given with --profile',
};

export const secretArgument: ArgumentDefinition = {
  name: 'NAME',
  completes: 'secret',
  description: 'the name of the secret, such as mqtt/password',
};

export const agentSocket: OptionDefinition = {
  long: 'agent-socket',
  value: 'PATH',
  completes: 'file',
  description: 'the socket of the ssh agent; without it SSH_AUTH_SOCK, then global.ssh.agent_socket of the configuration',
};

/** Which key of the agent is enrolled. */
export const sshKeyOptions: readonly OptionDefinition[] = [
  { long: 'fingerprint', value: 'FINGERPRINT', description: 'the ssh key with this fingerprint, such as SHA256:…' },
  { long: 'key', value: 'FILE', completes: 'file', description: 'the ssh key whose public half is in this file' },
  agentSocket,
];

/** How several pieces of evidence share standard input. */
export const evidenceOrder =
  'Each --…-stdin option takes one line of standard input, in the order in which the options stand on the command line. ' +
  'A line ends with a newline, which is not part of the evidence.';

/** When a recovery key is made. */
export const recoveryManners =
  'A recovery key is shown once, on standard output. Where standard output is no terminal, nobody would see it: then it is made only ' +
  'with --recovery-key or --json, and a warning says so otherwise.';
