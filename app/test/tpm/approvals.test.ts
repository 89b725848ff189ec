// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { SesameError } from '../../src/core/errors.ts';
import { approvalOf, type PolicyPart, parsePolicyPart, recordLimit, serialisePolicyPart } from '../../src/tpm/approvals.ts';
import { recordBoot } from '../../src/tpm/event-log-record.ts';
import { EventType } from '../../src/tpm/event-log-types.ts';
import { pcrSelection } from '../../src/tpm/pcr-selection.ts';
import { event, realBoot } from './event-log-fixture.ts';

const selection = pcrSelection('sha256', [4, 9]);
const boot = realBoot('measured-boot');
const record = recordBoot(boot.log, 'sha256', new Set(selection.pcrs), boot.commandLine);

function approval(counter: bigint, fill: number, label = 'kernel of version 2') {
  const values = new Map(selection.pcrs.map((pcr) => [pcr, Buffer.alloc(32, fill)]));
  return { counter, values, signature: randomBytes(64), label, record: fill === 1 ? record : undefined };
}

const part = {
  kind: 'authorize',
  publicKey: randomBytes(64),
  counter: { handle: 0x1805e00, name: randomBytes(34) },
  approvals: [approval(7n, 1), approval(8n, 2)],
} as const satisfies PolicyPart;

const parsed = (bytes: Buffer) => parsePolicyPart('the file', bytes, selection);

describe('what an enrolment says of its policy', () => {
  it('reads as it was written', () => {
    assert.deepEqual(parsed(serialisePolicyPart(part, selection)), part);
    const plain: PolicyPart = { kind: 'pcr', record };
    assert.deepEqual(parsed(serialisePolicyPart(plain, selection)), plain);
  });

  it('may be nothing, as in the first enrolments: then it is the PCRs alone', () => {
    assert.deepEqual(parsed(Buffer.alloc(0)), { kind: 'pcr', record: undefined });
  });

  it('fits into its field with two records of the largest size', () => {
    const many = Array.from({ length: 90 }, (_, index) => event(9, EventType.ipl, `grub_cmd: ${index} ${'x'.repeat(150)}`));
    const large = recordBoot({ banks: ['sha256'], events: many }, 'sha256', new Set([9]));
    const approvals = [7n, 8n].map((counter) => ({ ...approval(counter, 1, 'x'.repeat(1000)), record: large }));
    const bytes = serialisePolicyPart({ ...part, approvals }, selection);
    assert.ok(bytes.length > recordLimit && bytes.length < 0xffff, `${bytes.length}`);
    const read = parsed(bytes);
    assert.ok(read.kind === 'authorize' && read.approvals.every((one) => one.record !== undefined));
  });

  it('is refused by the name of its file when it is cut off anywhere', () => {
    const bytes = serialisePolicyPart(part, selection);
    for (let length = 1; length < bytes.length; length += 1) {
      assert.throws(
        () => parsed(bytes.subarray(0, length)),
        (thrown) => thrown instanceof SesameError && thrown.code === 'file-damaged' && thrown.message.includes('the file'),
        `${length}`,
      );
    }
  });

  it('with any byte changed is read or refused, never more', () => {
    const bytes = serialisePolicyPart(part, selection);
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 0x25;
      try {
        parsed(changed);
      } catch (thrown) {
        assert.ok(thrown instanceof SesameError && ['file-damaged', 'file-too-new'].includes(thrown.code), `${at}: ${thrown}`);
      }
    }
  });

  it('of a kind that this version does not know asks for a newer program', () => {
    assert.throws(() => parsed(Buffer.of(9)), /knows versions up to 1; update the program/);
  });
});

describe('the approval for a boot state', () => {
  const values = (fill: number) => new Map(selection.pcrs.map((pcr) => [pcr, Buffer.alloc(32, fill)]));

  it('is the one with exactly its values', () => {
    assert.equal(approvalOf(part, values(2))?.counter, 8n);
    assert.equal(approvalOf(part, values(3)), undefined);
    assert.equal(approvalOf(part, new Map([[4, Buffer.alloc(32, 2)]])), undefined);
  });

  it('is the newest when a state was approved again', () => {
    assert.equal(approvalOf({ ...part, approvals: [approval(7n, 1), approval(9n, 1)] }, values(1))?.counter, 9n);
  });
});
