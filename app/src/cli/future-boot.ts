// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { type EventLog, eventLogPath, readEventLog } from '../tpm/event-log.ts';
import { loggedValues, requireAccounted } from '../tpm/event-log-account.ts';
import { type BootRecord, recordBoot } from '../tpm/event-log-record.ts';
import type { PcrSelection, PcrValues } from '../tpm/pcr-selection.ts';
import { readCommandLine } from '../tpm/platform-boot.ts';
import { type PlannedBoot, predictLog } from '../tpm/predict.ts';
import { readPcrFile } from '../tpm/predict-pcr-file.ts';
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
 * @param now the PCRs of this boot, from which a prediction starts
 * @throws SesameError usage, pcr-file-malformed, event-log-damaged, boot-unpredictable, boot-file-unusable
 */
export function futureBoot(invocation: Invocation, selection: PcrSelection, now: PcrValues): FutureBoot {
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
  const boot = planned ? plannedBoot(invocation, selection, now) : givenBoot(selection, pcrFile, eventLog);
  return { ...boot, label: invocation.value('label') ?? boot.label };
}

function givenBoot(selection: PcrSelection, pcrFile?: string, eventLog?: string): FutureBoot {
  if (pcrFile !== undefined) {
    return { values: readPcrFile(pcrFile, selection), record: undefined, label: `PCR values of ${pcrFile}` };
  }
  return { ...measured(eventLogOf(eventLog), selection), label: `event log ${eventLog}` };
}

function plannedBoot(invocation: Invocation, selection: PcrSelection, now: PcrValues): FutureBoot {
  const plan = planOf(invocation);
  const log = eventLogOf();
  requireAccounted(log, selection, now);
  const commandLine = readCommandLine();
  const predicted = predictLog({ log, bank: selection.bank, commandLine }, plan);
  return { ...measured(predicted, selection, plan.commandLine ?? commandLine), label: labelOf(plan) };
}

function eventLogOf(path = eventLogPath): EventLog {
  const log = readEventLog(path);
  if (log === undefined) throw SesameError.of('boot-unpredictable', { reason: `there is no event log ${path}` });
  return log;
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

function measured(log: EventLog, selection: PcrSelection, commandLine?: string): Omit<FutureBoot, 'label'> {
  const { bank, pcrs } = selection;
  return { values: loggedValues(log, selection), record: recordBoot(log, bank, new Set(pcrs), commandLine) };
}

function labelOf({ kernel, kernelIsUki, commandLine, initrd }: PlannedBoot): string {
  const parts = [
    ...(kernel === undefined ? [] : [`${kernelIsUki ? 'unified kernel image' : 'kernel'} ${kernel}`]),
    ...(initrd === undefined ? [] : [`initial RAM disk ${initrd}`]),
    ...(commandLine === undefined ? [] : [`command line ${commandLine}`]),
  ];
  return parts.join(', ');
}
