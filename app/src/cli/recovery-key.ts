// SPDX-License-Identifier: MIT
import type { SecretBytes } from '../memory/secret-bytes.ts';
import type { Invocation } from './invocation.ts';
import { printJson, say, standardOutput, writeAll } from './streams.ts';
import { outputIsTerminal } from './terminal.ts';

/**
 * Whether a recovery key is to be made. In a provisioning script or at a first boot standard output is a log or nothing: a key that
 * went there would be lost or, worse, lie about. So it is made where somebody or something reads the result: on a terminal, as JSON, or
 * because it was asked for.
 * @throws SesameError usage
 */
export function wantsRecoveryKey(invocation: Invocation): boolean {
  const asked = invocation.flag('recovery-key');
  const refused = invocation.flag('no-recovery-key');
  if (asked && refused) throw invocation.refuse('--recovery-key and --no-recovery-key exclude each other');
  return !refused && (asked || invocation.flag('json') || outputIsTerminal());
}

/** Says on standard error that a vault has one way in only, unless that was chosen. */
export function noteUnseenRecoveryKey(invocation: Invocation, profile: string): void {
  if (invocation.flag('no-recovery-key')) return;
  say(
    `warning: no recovery key was made, because nobody would see it here; who loses the factors loses the secrets. ` +
      `Make one with: sesame factor add recovery -p ${profile}`,
  );
}

/** Prints a result, with the recovery key when there is one, and wipes the key. */
export function printWithRecoveryKey(invocation: Invocation, result: object, recoveryKey: SecretBytes | undefined): void {
  try {
    if (invocation.flag('json')) printJsonWithKey(result, recoveryKey);
    else if (recoveryKey !== undefined) printKey(recoveryKey);
  } finally {
    recoveryKey?.release();
  }
}

function printKey(recoveryKey: SecretBytes): void {
  say(
    'the recovery key follows. It opens this vault by itself and is shown this once: write it down and keep it away from the device',
  );
  writeAll(standardOutput, recoveryKey.bytes);
  writeAll(standardOutput, Buffer.from('\n'));
}

/** The key goes from secret memory to the descriptor: it is letters, digits and dashes, so it needs no escaping and becomes no string. */
function printJsonWithKey(result: object, recoveryKey: SecretBytes | undefined): void {
  if (recoveryKey === undefined) {
    printJson({ ...result, recovery_key: null });
    return;
  }
  writeAll(standardOutput, Buffer.from(`${JSON.stringify(result).slice(0, -1)},"recovery_key":"`));
  writeAll(standardOutput, recoveryKey.bytes);
  writeAll(standardOutput, Buffer.from('"}\n'));
}
