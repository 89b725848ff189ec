// SPDX-License-Identifier: MIT
import type { Requester } from '../../bus/blocking-client.ts';
import type { ReplyBody } from '../../bus/messages.ts';
import type { Configuration } from '../../config/configuration.ts';
import { SesameError } from '../../core/errors.ts';
import { unmeasuredFirstStage } from '../../tpm/platform.ts';
import type { StatusReport } from '../status-report.ts';
import { tpmTimeoutMs } from '../tpm.ts';
import { type Check, fail, pass, warn } from './check.ts';

type Status = ReplyBody<'tpm-status'>;

/** Whether the installation is where it was made. */
export function examineMachine({ machine_binding: binding }: StatusReport): Check[] {
  const id = 'machine';
  if (binding === null) return [];
  if (binding.state !== 'differs') return [pass(id, `bound by ${binding.type}, ${binding.state}`)];
  return [
    fail(
      id,
      `installation.toml was made on another machine: its ${binding.type} differs`,
      'give a copied device an identity of its own',
    ),
  ];
}

/** A device that neither has nor wants a TPM is not examined for one. */
export async function examineTpm(bus: Requester | undefined, configuration: Configuration | undefined): Promise<Check[]> {
  if (bus === undefined) return [];
  const wanting = Object.entries(configuration?.profiles ?? {}).filter(([, { unlock }]) => unlock === 'tpm');
  try {
    const { body } = await bus.request('tpm-status', {}, undefined, { timeoutMs: tpmTimeoutMs });
    const missing = wanting
      .map(([profile]) => profile)
      .filter((profile) => !body.enrolments.some((entry) => entry.profile === profile));
    const firstStage = body.enrolments.length === 0 ? [] : examineFirstStage();
    return [
      examineChip(body),
      ...examineCounters(body),
      ...firstStage,
      ...body.enrolments.map(examineEnrolment),
      ...missing.map(notEnrolled),
    ];
  } catch (thrown) {
    if (!(thrown instanceof SesameError)) throw thrown;
    if (thrown.exit !== 10) return [warn('tpm', thrown.message, 'run this as an administrator to see it')];
    const id = 'tpm';
    if (wanting.length === 0) return [pass(id, `not in use: ${thrown.message}`)];
    return [fail(id, thrown.message, `profile ${wanting.map(([name]) => name).join(', ')} does not open by itself without it`)];
  }
}

function examineChip(status: Status): Check {
  const name = `${status.manufacturer} ${status.model} at ${status.tcti}`;
  const room = `${status.persistent_handles_left} persistent handles left`;
  const guesses = `${status.tries} of ${status.maximum_tries} wrong PINs`;
  if (status.locked_out)
    return fail('tpm', `${name}: locked out after ${guesses}`, `wait ${status.try_interval_seconds} s with power on`);
  if (status.nv_recovery_ms > 0)
    return warn('tpm', `${name}: its NV memory is written too often`, 'write to it less, it wears out');
  if (status.tries > 0) return warn('tpm', `${name}: ${guesses}, ${room}`, 'somebody, or a power cut, gave a wrong PIN');
  return pass('tpm', `${name}, ${guesses}, ${room}`);
}

/** What a vault counted with that is gone. The TPM has room for 16 vaults. */
function examineCounters({ leftover_counters: leftover }: Status): Check[] {
  if (leftover.length === 0) return [];
  const indices = leftover.map((handle) => `0x${handle.toString(16).padStart(8, '0')}`);
  return [
    warn(
      'tpm/counters',
      `counters of no vault here take the room of others: NV index ${indices.join(', ')}`,
      `if no other installation uses this TPM: ${indices.map((index) => `tpm2_nvundefine -C o ${index}`).join('; ')}`,
    ),
  ];
}

/** What a seal to PCRs rests on. */
function examineFirstStage(): Check[] {
  const unmeasured = unmeasuredFirstStage();
  if (unmeasured === undefined) return [];
  return [
    warn('tpm/first-stage', unmeasured, "lock the boot with the board's own signed boot, and keep a PIN or another factor"),
  ];
}

function examineEnrolment({ profile, bank, pcrs, changed, capped, handle }: Status['enrolments'][number]): Check {
  const id = `tpm/${profile}`;
  const sealed = `sealed to PCR ${pcrs.join(', ')} (${bank}) under 0x${handle.toString(16)}`;
  if (capped) return pass(id, `${sealed}, capped until the next boot`);
  if (changed.length === 0) return pass(id, sealed);
  return fail(
    id,
    `${sealed}, but this boot differs in PCR ${changed.join(', ')}`,
    `if that is right: sesame tpm reseal -p ${profile}`,
  );
}

function notEnrolled(profile: string): Check {
  return warn(
    `tpm/${profile}`,
    'the profile is to open by itself and has no TPM factor',
    `enrol it: sesame tpm enroll -p ${profile}`,
  );
}
