// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SesameError } from '../../src/core/errors.ts';
import { parseEnrolment, serialiseEnrolment, type TpmEnrolment } from '../../src/tpm/enrolment.ts';
import { pcrSelection } from '../../src/tpm/pcr-selection.ts';
import { sized } from '../../src/tpm/wire.ts';

const path = '/var/lib/pds/vaults/home.tpm-enrollment';

const enrolment: TpmEnrolment = {
  hasPin: true,
  key: { handle: 0x81000001, name: Buffer.alloc(34, 1), endorsementName: Buffer.alloc(34, 2) },
  selection: pcrSelection('sha384', [9, 0]),
  values: new Map([
    [0, Buffer.alloc(48, 3)],
    [9, Buffer.alloc(48, 4)],
  ]),
  sealed: { publicArea: sized(Buffer.alloc(46, 5)), privateArea: sized(Buffer.alloc(120, 6)) },
  authorisation: Buffer.from('room for an authorised policy'),
  wrappedKey: Buffer.alloc(61, 7),
};

function isNamedDamage(thrown: unknown): boolean {
  return (
    thrown instanceof SesameError &&
    (thrown.code === 'file-damaged' || thrown.code === 'file-too-new') &&
    thrown.message.includes(path)
  );
}

describe('a TPM enrolment', () => {
  const file = serialiseEnrolment(enrolment);

  it('comes back from its file as it was', () => {
    assert.deepEqual(parseEnrolment(path, file), enrolment);
  });

  it('is refused by name at every shorter length', () => {
    for (let length = 0; length < file.length; length += 1) {
      assert.throws(() => parseEnrolment(path, file.subarray(0, length)), isNamedDamage, `${length} bytes`);
    }
  });

  it('is refused by name with any byte changed', () => {
    for (let offset = 0; offset < file.length; offset += 1) {
      const changed = Buffer.from(file);
      changed.writeUInt8(changed.readUInt8(offset) ^ 0x01, offset);
      assert.throws(() => parseEnrolment(path, changed), isNamedDamage, `byte ${offset}`);
    }
  });

  it('of a newer version asks for a newer program', () => {
    assert.throws(
      () => parseEnrolment(path, Buffer.from([3])),
      (thrown) => thrown instanceof SesameError && thrown.code === 'file-too-new',
    );
  });
});
