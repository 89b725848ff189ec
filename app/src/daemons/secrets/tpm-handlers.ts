// SPDX-License-Identifier: MIT
import type { Handlers } from '../../bus/handler.ts';
import type { ReplyBody } from '../../bus/messages.ts';
import { SesameError } from '../../core/errors.ts';
import { profilesWithVaults } from '../../factors/profile-files.ts';
import {
  approvalCounters,
  type ProfileEnrolment,
  readableTpmEnrolments,
  readTpmEnrolment,
} from '../../factors/tpm-enrolments.ts';
import type { Esys } from '../../linux/tss2/esys.ts';
import { leftoverCounters } from '../../tpm/leftover-counters.ts';
import { pcrCount, pcrSelection } from '../../tpm/pcr-selection.ts';
import { readPcrs } from '../../tpm/pcrs.ts';
import { readProperties } from '../../tpm/properties.ts';
import { beforeCap, changedPcrs } from '../../tpm/sealed-key.ts';
import { databasePath } from '../../vault/paths.ts';
import type { Auditor } from './auditor.ts';
import { capBoot } from './boot-cap.ts';
import type { TpmBinding } from './tpm-binding.ts';

type EnrolmentStatus = ReplyBody<'tpm-status'>['enrolments'][number];

/** Answers about the TPM itself; what it opens is with the vaults. */
export function tpmHandlers(binding: TpmBinding, auditor: Auditor): Handlers {
  const { tpm, directory } = binding;
  return {
    async 'tpm-status'() {
      return await tpm.converse(async (esys) => {
        const { dictionaryAttack, ...properties } = await readProperties(esys);
        const enrolments: EnrolmentStatus[] = [];
        const places = profilesWithVaults(directory).map((profile) => Buffer.from(databasePath(directory, profile)));
        const leftover = await leftoverCounters(esys, { approvals: approvalCounters(directory), places });
        for (const enrolled of readableTpmEnrolments(directory)) enrolments.push(await enrolmentStatus(esys, enrolled));
        return {
          body: {
            tcti: tpm.tcti,
            manufacturer: properties.manufacturer,
            model: properties.model,
            firmware: properties.firmware,
            owner_protected: properties.ownerProtected,
            tries: dictionaryAttack.tries,
            maximum_tries: dictionaryAttack.maximumTries,
            try_interval_seconds: dictionaryAttack.intervalSeconds,
            locked_out: dictionaryAttack.lockedOut,
            persistent_handles_left: properties.persistentHandlesLeft,
            nv_recovery_ms: properties.nvRecoveryMs,
            leftover_counters: leftover,
            enrolments,
          },
        };
      });
    },

    async 'tpm-sealed-pcrs'({ body: { profile } }) {
      const { selection, values } = readTpmEnrolment(directory, profile);
      const now = await tpm.readPcrs(selection);
      const pcrs = [...values].map(([pcr, sealed]) => ({
        pcr,
        sealed: sealed.toString('hex'),
        now: now.get(pcr)?.toString('hex') ?? '',
      }));
      return { body: { bank: selection.bank, pcrs } };
    },

    async 'tpm-pcrs'({ body: { bank } }) {
      const every = Array.from({ length: pcrCount }, (_, pcr) => pcr);
      const values = await tpm.readPcrs(pcrSelection(bank, every));
      return { body: { pcrs: [...values].map(([pcr, value]) => ({ pcr, value: value.toString('hex') })) } };
    },

    async 'tpm-cap'({ sender }) {
      const { cap } = binding;
      if (cap === undefined) throw SesameError.of('tpm-cap-unset', {});
      await capBoot(binding, auditor, sender);
      return { body: cap };
    },
  };
}

async function enrolmentStatus(esys: Esys, { profile, enrolment }: ProfileEnrolment): Promise<EnrolmentStatus> {
  const { selection, values, key, hasPin } = enrolment;
  const now = await readPcrs(esys, selection);
  const changed = changedPcrs(enrolment, now);
  const isCap = (pcr: number) => beforeCap(selection.bank, now.get(pcr), [values.get(pcr)]) !== undefined;
  return {
    profile,
    handle: key.handle,
    bank: selection.bank,
    pcrs: [...selection.pcrs],
    pin: hasPin,
    changed,
    capped: changed.length > 0 && changed.every(isCap),
  };
}
