// SPDX-License-Identifier: MIT
import { readFileSync, writeFileSync } from 'node:fs';
import { RecordingLogger } from '../../src/core/log.ts';
import type { Factor } from '../../src/factors/factor.ts';
import { builtInFactors } from '../../src/factors/registry.ts';
import { tpmFactor } from '../../src/factors/tpm.ts';
import { type Approved, approveBoot } from '../../src/factors/tpm-approval.ts';
import { readableApprovals } from '../../src/factors/tpm-enrolments.ts';
import { type Authorisation, type PolicyPart, parsePolicyPart, serialisePolicyPart } from '../../src/tpm/approvals.ts';
import { parseEnrolment, serialiseEnrolment } from '../../src/tpm/enrolment.ts';
import { extended, type PcrSelection, type PcrValues, pcrSelection } from '../../src/tpm/pcr-selection.ts';
import type { ObservedBoot } from '../../src/tpm/platform-boot.ts';
import type { ObserveBoot } from '../../src/tpm/sealed-key.ts';
import { Tpm } from '../../src/tpm/tpm.ts';
import type { SoftwareTpm } from '../support/swtpm.ts';
import { evidence, Fixture, masterKeyOf, memory, password } from './fixture.ts';

export const selection = pcrSelection('sha256', [4, 9]);
const extension = Buffer.alloc(32, 0x5a); // what SoftwareTpm.extend extends
export const byTpm = (pin?: string) =>
  pin === undefined ? { factor: 'tpm' as const, bytes: memory.take(Buffer.alloc(0)) } : evidence('tpm', pin);

const nothingObserved: ObservedBoot = { platform: 'unknown', record: undefined, logged: undefined, problem: undefined };

/** A vault that opens in boot states which it has approved. Version n of the system extends PCR 4 n times. */
export class ApprovalFixture extends Fixture {
  readonly chip: SoftwareTpm;
  readonly tpm: Tpm;
  readonly factor: Factor;
  readonly outdated: string[] = [];
  /** Where the TPM is, if not at the other end of the fixture's own. */
  tcti: string | undefined;
  observe: ObserveBoot = () => nothingObserved;
  allowZeroPcrs = false;
  kind: PolicyPart['kind'] = 'authorize';
  /** What a new seal is bound to. */
  selection = selection;

  constructor(chip: SoftwareTpm) {
    super();
    this.chip = chip;
    this.tpm = new Tpm({ tcti: () => this.tcti ?? chip.tcti, logger: new RecordingLogger() });
    this.factor = tpmFactor({
      tpm: this.tpm,
      selection: () => this.selection,
      allowZeroPcrs: () => this.allowZeroPcrs,
      expected: (now) => now,
      policy: () => this.kind,
      stored: (profile) => readableApprovals(this.directory, profile),
      observe: (...boot) => this.observe(...boot),
      onOutdated: (_, error) => this.outdated.push(error.code),
      onKey: async () => undefined,
    });
    this.open({ factors: [...builtInFactors, this.factor] });
  }

  async opens(...pin: string[]): Promise<string> {
    return masterKeyOf(await this.keyring.unlock('home', [byTpm(...pin)]));
  }

  /** `tpm enroll` and `tpm reseal` of a vault that the password opens. */
  async reseals(): Promise<void> {
    const unlocked = await this.keyring.unlock('home', [password()]);
    if (unlocked.state !== 'unlocked') throw new TypeError('the password did not open the vault');
    await this.keyring.replace('home', 'tpm', [byTpm()], unlocked.masterKey);
    unlocked.masterKey.release();
  }

  async approve(masterKey: string, values: PcrValues, label = 'the next one'): Promise<Approved> {
    const piece = memory.take(Buffer.from(masterKey, 'hex'));
    const boot = { values, label, record: undefined };
    try {
      return await this.keyring.revise('home', 'tpm', (context, file) =>
        approveBoot(context, file, { tpm: this.tpm, piece, bank: 'sha256', boot, allowZeroPcrs: this.allowZeroPcrs }),
      );
    } finally {
      piece.release();
    }
  }

  get file(): Buffer {
    return readFileSync(this.path('tpm-enrollment'));
  }

  set file(bytes: Buffer) {
    writeFileSync(this.path('tpm-enrollment'), bytes);
  }

  /** Changes the file as somebody with the disk can, its hash included. */
  forge(change: (genuine: Authorisation) => Authorisation, bound: PcrSelection = selection): void {
    const enrolment = parseEnrolment('file', this.file);
    const part = parsePolicyPart('file', enrolment.authorisation, enrolment.selection);
    if (part.kind === 'pcr') throw new TypeError('the seal has no approvals');
    const authorisation = serialisePolicyPart({ kind: 'authorize', ...change(part) }, bound);
    const values = new Map(bound.pcrs.map((pcr) => [pcr, Buffer.alloc(32)]));
    this.file = serialiseEnrolment({ ...enrolment, selection: bound, values, authorisation });
  }

  get policy(): PolicyPart {
    const enrolment = parseEnrolment('file', this.file);
    return parsePolicyPart('file', enrolment.authorisation, enrolment.selection);
  }

  get labels(): string[] {
    const { policy } = this;
    return policy.kind === 'authorize' ? policy.approvals.map(({ label }) => label) : [];
  }
}

/** Boots version n of the system. */
export async function bootVersion(chip: SoftwareTpm, count: number): Promise<void> {
  await chip.reboot();
  for (let times = 0; times < count; times += 1) chip.extend(4);
}

/** The PCRs of version n of the system. */
export function version(count: number): PcrValues {
  let four: Buffer = Buffer.alloc(32);
  for (let times = 0; times < count; times += 1) four = extended('sha256', four, extension);
  return new Map([
    [4, four],
    [9, Buffer.alloc(32)],
  ]);
}
