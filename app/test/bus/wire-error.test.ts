// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeCbor } from '../../src/bus/cbor.ts';
import { decodeError, encodeError } from '../../src/bus/wire-error.ts';
import { SesameError } from '../../src/core/errors.ts';
import { failsWith } from '../support/failures.ts';

describe('an error on the wire', () => {
  it('is the same error on the other side, exit code and sentence included', () => {
    const sent = SesameError.of('authentication-delayed', { profile: 'device', seconds: 8 });
    const received = decodeError(encodeError(sent));
    assert.deepEqual([received.code, received.message, received.exit], [sent.code, sent.message, sent.exit]);
  });

  it('keeps any parameter a message can name, cut to its limit', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 1500 }), (name) => {
        const received = decodeError(encodeError(SesameError.of('profile-not-found', { profile: name })));
        assert.equal(received.parameters['profile'], name.slice(0, 1024).toWellFormed());
      }),
    );
  });

  it('of a newer version is unexpected, and named', () => {
    const received = decodeError(encodeCbor({ code: 'moon-phase-wrong', parameters: {} }));
    assert.deepEqual([received.code, received.parameters['cause']], ['unexpected', 'moon-phase-wrong']);
  });

  for (const [what, body] of [
    ['without a code', { parameters: {} }],
    ['without parameters', { code: 'usage' }],
    ['with a parameter that is neither number nor text', { code: 'usage', parameters: { a: [1] } }],
    ['with too long a parameter', { code: 'usage', parameters: { a: 'x'.repeat(1025) } }],
    [
      'with too many parameters',
      { code: 'usage', parameters: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`p${n}`, n])) },
    ],
  ] as const) {
    it(`${what} is refused`, () => assert.throws(() => decodeError(encodeCbor(body)), failsWith('message-invalid')));
  }
});
