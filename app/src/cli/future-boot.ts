// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { readBounded } from '../linux/files.ts';
import { type EventLog, eventLogPath, readEventLog } from '../tpm/event-log.ts';
import { type BootRecord, recordBoot } from '../tpm/event-log-record.ts';
import { replay } from '../tpm/event-log-replay.ts';
import { digestBytes, type PcrBank, type PcrSelection, type PcrValues } from '../tpm/pcr-selection.ts';
import { readCommandLine } from '../tpm/platform-boot.ts';
import { type PlannedBoot, predictLog } from '../tpm/predict.ts';
import { readPcrFile } from '../tpm/predict-pcr-file.ts';
import { beforeCap } from '../tpm/sealed-key.ts';
import type { Invocation } from './invocation.ts';

/** What a boot that has not taken place will be measured as. */
export interface FutureBoot {
  readonly values: PcrValues;
  readonly record: BootRecord | undefined;
  /** For people. */
  readonly label: string;
}

/** The options that say what will be booted. */
const planOptions = ['kernel', 'uki', 'cmdline', 'initrd'] as const;

/**
 * Works out the PCR values that the options of `sesame tpm authorize` describe.
 * @throws SesameError usage, pcr-file-malformed, event-log-damaged, boot-unpredictable, boot-file-unusable
 */
export function futureBoot(invocation: Invocation, selection: PcrSelection): FutureBoot {
  const [pcrFile, eventLog] = [invocation.value('pcr-file'), invocation.value('event-log')];
  const planned = planOptions.some((option) => invocation.value(option) !== undefined);
  if ([pcrFile !== undefined, eventLog !== undefined, planned].filter(Boolean).length !== 1) {
    throw invocation.refuse(
      'say what will be booted: --pcr-file, --event-log, or what will be new of --kernel or --uki, --cmdline and --initrd',
    );
  }
  if (invocation.value('kernel') !== undefined && invocation.value('uki') !== undefined) {
    throw invocation.refuse('--kernel and --uki exclude each other');
  }
  const boot = bootOf(invocation, selection, pcrFile, eventLog);
  return { ...boot, label: invocation.value('label') ?? boot.label };
}

function bootOf(invocation: Invocation, selection: PcrSelection, pcrFile?: string, eventLog?: string): FutureBoot {
  if (pcrFile !== undefined) {
    return { values: readPcrFile(pcrFile, selection), record: undefined, label: `PCR values of ${pcrFile}` };
  }
  if (eventLog !== undefined) {
    const log = readEventLog(eventLog);
    if (log === undefined) throw SesameError.of('boot-unpredictable', { reason: `there is no event log ${eventLog}` });
    return { ...measured(log, selection), label: `event log ${eventLog}` };
  }
  const plan = planOf(invocation);
  const log = readEventLog();
  if (log === undefined) throw SesameError.of('boot-unpredictable', { reason: `there is no event log ${eventLogPath}` });
  requireAccounted(log, selection);
  const commandLine = readCommandLine();
  const predicted = predictLog({ log, bank: selection.bank, commandLine }, plan);
  return { ...measured(predicted, selection, plan.commandLine ?? commandLine), label: labelOf(plan) };
}

/**
 * What extends a PCR after the firmware has ended its log, IMA for one, will do so again and differently: no log tells how. Our own cap
 * comes after the unlock.
 * @throws SesameError boot-unpredictable
 */
function requireAccounted(log: EventLog, { bank, pcrs }: PcrSelection): void {
  const logged = replay(log.events, bank);
  for (const pcr of pcrs) {
    const now = currentPcr(bank, pcr);
    const expected = logged.get(pcr) ?? Buffer.alloc(digestBytes(bank));
    if (now === undefined || now.equals(expected) || beforeCap(bank, now, [expected]) !== undefined) continue;
    throw SesameError.of('boot-unpredictable', { reason: `PCR ${pcr} has another value than its event log leads to` });
  }
}

/** As the kernel shows it since 5.12. */
function currentPcr(bank: PcrBank, pcr: number): Buffer | undefined {
  const digits = readBounded(`/sys/class/tpm/tpm0/pcr-${bank}/${pcr}`, 256)?.toString('latin1').trim();
  return digits === undefined ? undefined : Buffer.from(digits, 'hex');
}

function planOf(invocation: Invocation): PlannedBoot {
  const uki = invocation.value('uki');
  const kernel = invocation.value('kernel') ?? uki;
  const commandLine = invocation.value('cmdline');
  const initrd = invocation.value('initrd');
  return {
    ...(kernel === undefined ? {} : { kernel, kernelIsUki: uki !== undefined }),
    ...(commandLine === undefined ? {} : { commandLine: commandLine.trim() }),
    ...(initrd === undefined ? {} : { initrd }),
  };
}

/** PCRs that nothing is measured into stay zero. */
function measured(log: EventLog, { bank, pcrs }: PcrSelection, commandLine?: string): Omit<FutureBoot, 'label'> {
  const values = replay(log.events, bank);
  return {
    values: new Map(pcrs.map((pcr) => [pcr, values.get(pcr) ?? Buffer.alloc(digestBytes(bank))])),
    record: recordBoot(log, bank, new Set(pcrs), commandLine),
  };
}

function labelOf({ kernel, kernelIsUki, commandLine, initrd }: PlannedBoot): string {
  const parts = [
    ...(kernel === undefined ? [] : [`${kernelIsUki ? 'unified kernel image' : 'kernel'} ${kernel}`]),
    ...(initrd === undefined ? [] : [`initial RAM disk ${initrd}`]),
    ...(commandLine === undefined ? [] : [`command line ${commandLine}`]),
  ];
  return parts.join(', ');
}
