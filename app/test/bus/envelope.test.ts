// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decode as decodeIndependently } from 'cborg';
import fc from 'fast-check';
import { decodeEnvelope, envelopeTypes, type Header, wireVersion, withPlaintext } from '../../src/bus/envelope.ts';
import { longestFrame } from '../../src/bus/frame.ts';
import { securityLevels } from '../../src/core/clearance.ts';
import { failsWith } from '../support/failures.ts';

const id = '0193a5c2-1111-7abc-8def-0123456789ab';
const header: Header = {
  type: 'request',
  kind: 'secret-get',
  id,
  correlation: undefined,
  sender: id,
  wall_ms: 1_732_436_400_000,
  monotonic_ms: 12_345,
  level: 'profile-scoped',
  origin: undefined,
  body: Buffer.from([0xa0]),
};

function plaintextOf(fields: Header, attachment?: Uint8Array): Buffer {
  return withPlaintext(fields, attachment, (plaintext) => Buffer.from(plaintext));
}

const plain = { noNullPrototype: true };
const uuid = fc.uuid({ version: [4, 5] });
const natural = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const name = fc.string({ unit: 'grapheme', maxLength: 40 });
const origin = fc.record(
  {
    name: fc.option(name, { nil: undefined }),
    clearance: fc.constantFrom(...securityLevels),
    uid: natural,
    pid: natural,
  },
  plain,
);
const anyHeader: fc.Arbitrary<Header> = fc.record(
  {
    type: fc.constantFrom(...envelopeTypes),
    kind: name,
    id: uuid,
    correlation: fc.option(uuid, { nil: undefined }),
    sender: uuid,
    wall_ms: natural,
    monotonic_ms: natural,
    level: fc.constantFrom(...securityLevels),
    origin: fc.option(origin, { nil: undefined }),
    body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  },
  plain,
);

describe('an envelope', () => {
  it('returns what went in', () => {
    const attachment = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined });
    fc.assert(
      fc.property(anyHeader, attachment, (fields, bytes) => {
        const decoded = decodeEnvelope(plaintextOf(fields, bytes));
        assert.deepEqual(decoded.header, fields);
        assert.deepEqual(decoded.attachment, bytes === undefined ? undefined : Buffer.from(bytes));
      }),
    );
  });

  it('is version, length, CBOR and attachment, as an independent decoder reads it', () => {
    fc.assert(
      fc.property(anyHeader, (fields) => {
        const plaintext = plaintextOf(fields, Buffer.from('secret'));
        assert.equal(plaintext.readUInt8(0), 0x80);
        const end = 5 + plaintext.readUInt32BE(1);
        assert.equal(plaintext.subarray(end).toString(), 'secret');
        const { origin: from } = fields;
        assert.deepEqual(decodeIndependently(new Uint8Array(plaintext.subarray(5, end)), { strict: true }), [
          envelopeTypes.indexOf(fields.type),
          fields.kind,
          fields.id,
          fields.correlation ?? null,
          fields.sender,
          fields.wall_ms,
          fields.monotonic_ms,
          securityLevels.indexOf(fields.level),
          from === undefined ? null : [from.name ?? null, securityLevels.indexOf(from.clearance), from.uid, from.pid],
          6,
          new Uint8Array(fields.body),
        ]);
      }),
    );
  });

  it('tells an empty attachment from none', () => {
    assert.equal(decodeEnvelope(plaintextOf(header, Buffer.alloc(0))).attachment?.length, 0);
    assert.equal(decodeEnvelope(plaintextOf(header)).attachment, undefined);
  });

  it('is wiped when whoever sends it is done, also when that fails', () => {
    let leaked: Buffer = Buffer.alloc(0);
    const attempt = () =>
      withPlaintext(header, Buffer.from('secret'), (plaintext) => {
        leaked = plaintext;
        throw new TypeError('sending failed');
      });
    assert.throws(attempt, TypeError);
    assert.ok(leaked.length > 0 && leaked.every((byte) => byte === 0));
  });

  it('keeps its body when the plaintext is wiped', () => {
    const plaintext = plaintextOf(header);
    const { body } = decodeEnvelope(plaintext).header;
    plaintext.fill(0);
    assert.deepEqual(body, Buffer.from([0xa0]));
  });

  it('longer than a frame is refused before it is sent', () => {
    assert.throws(() => plaintextOf(header, Buffer.alloc(longestFrame)), failsWith('frame-too-long'));
  });
});

describe('a malformed envelope', () => {
  it('of another version is refused with both versions', () => {
    const plaintext = plaintextOf(header);
    plaintext.writeUInt8(3, 0);
    assert.throws(() => decodeEnvelope(plaintext), {
      code: 'wire-version-unknown',
      parameters: { version: 3, known: wireVersion },
    });
  });

  it('shorter than its prefix is refused', () => {
    assert.throws(() => decodeEnvelope(Buffer.from([0x80, 0, 0, 0])), failsWith('message-invalid'));
  });

  it('whose header would be longer than the frame is refused', () => {
    const plaintext = plaintextOf(header);
    plaintext.writeUInt32BE(0xffff_ffff, 1);
    assert.throws(() => decodeEnvelope(plaintext), failsWith('message-invalid'));
  });

  it('with bytes that its header does not announce is refused', () => {
    assert.throws(() => decodeEnvelope(Buffer.concat([plaintextOf(header), Buffer.from('x')])), failsWith('message-invalid'));
  });

  it('whose attachment is cut off is refused', () => {
    const plaintext = plaintextOf(header, Buffer.from('secret'));
    assert.throws(() => decodeEnvelope(plaintext.subarray(0, -1)), failsWith('message-invalid'));
  });

  it('with an id that is not a UUID is refused', () => {
    const plaintext = plaintextOf(header);
    plaintext.write('z', plaintext.indexOf(id));
    assert.throws(() => decodeEnvelope(plaintext), failsWith('message-invalid'));
  });

  it('never throws anything but what the catalogue says, whichever byte is changed', () => {
    const valid = plaintextOf({ ...header, origin: { name: 'x', clearance: 'open', uid: 1, pid: 2 } }, Buffer.from('secret'));
    fc.assert(
      fc.property(fc.nat(valid.length - 1), fc.nat(255), (at, value) => {
        const changed = Buffer.from(valid);
        changed.writeUInt8(value, at);
        try {
          decodeEnvelope(changed);
        } catch (thrown) {
          failsWith(at === 0 ? 'wire-version-unknown' : 'message-invalid')(thrown);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
