// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorCatalogue } from '../../src/core/catalogue.ts';
import { asSesameError, SesameError, systemErrorCode } from '../../src/core/errors.ts';
import { Exit } from '../../src/core/exit.ts';

describe('the error catalogue', () => {
  it('gives every code a message in lower case and without a full stop', () => {
    const odd = Object.entries(errorCatalogue()).filter(([, { message }]) => /^[A-Z]|\.$/.test(message));
    assert.deepEqual(odd, []);
  });

  it('uses only the exit codes that are fixed', () => {
    const known = new Set<number>(Object.values(Exit));
    assert.ok(Object.values(errorCatalogue()).every(({ exit }) => known.has(exit)));
  });
});

describe('a SesameError', () => {
  it('fills its parameters into the message', () => {
    const error = SesameError.of('vault-locked', { profile: 'device' });
    assert.equal(error.message, 'the vault of profile device is locked; open it with: sesame unlock -p device');
    assert.equal(error.exit, 4);
  });

  it('prints a parameter that would move the cursor as its code', () => {
    const error = SesameError.of('secret-not-found', { profile: 'a', name: 'x\u001b[2J\u202e' });
    assert.match(error.message, /x\\u\{1b\}\[2J\\u\{202e\}/);
  });

  it('survives the way over the bus', () => {
    const sent = SesameError.of('authentication-delayed', { profile: 'p', seconds: 4 });
    const received = SesameError.fromWire(sent.code, sent.parameters);
    assert.equal(received.message, sent.message);
    assert.equal(received.exit, sent.exit);
  });

  it('becomes unexpected when its code is from another version', () => {
    assert.equal(SesameError.fromWire('code-of-tomorrow', {}).code, 'unexpected');
    assert.equal(SesameError.fromWire('toString', {}).code, 'unexpected');
  });

  it('shows a missing parameter as a question mark instead of failing', () => {
    assert.match(SesameError.fromWire('vault-locked', {}).message, /profile \?/);
  });

  it('is made of anything that was thrown', () => {
    const error = asSesameError(new TypeError('x is\nundefined'), 'a test');
    assert.equal(error.code, 'unexpected');
    assert.match(error.message, /a test: x is\\u\{a\}undefined/);
  });
});

describe('systemErrorCode', () => {
  it('reads the code of a Node system error and nothing else', () => {
    assert.equal(systemErrorCode(Object.assign(new Error('gone'), { code: 'ENOENT' })), 'ENOENT');
    assert.equal(systemErrorCode(Object.assign(new Error('odd'), { code: 7 })), undefined);
    assert.equal(systemErrorCode('ENOENT'), undefined);
  });
});
