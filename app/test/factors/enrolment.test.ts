// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type Enrolment, readEnrolment } from '../../src/factors/enrolment.ts';
import { passwordIsMasterKey } from '../../src/factors/vault-meta.ts';
import { Fixture, failsWith, memory } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = new Fixture();
  put('salt', Buffer.alloc(16, 1));
});
afterEach(() => fixture.remove());

function put(suffix: string, content: string | Buffer = 'x'): void {
  writeFileSync(fixture.path(suffix), content);
}

function read(): Enrolment {
  return readEnrolment(memory, fixture.directory, 'home');
}

const upstream = (factors: string[], policy = 'any') =>
  JSON.stringify({
    version: 1,
    init_mode: 'password',
    enrolled_factors: factors.map((factor_id) => ({ factor_id, label: '', enrolled_at: 1 })),
    auth_policy: policy,
    created_at: 1,
    policy_changed_at: 1,
  });

describe('a profile without metadata', () => {
  const inferred: [string[], string[], boolean][] = [
    [[], ['password'], true],
    [['password-wrap'], ['password'], false],
    [['ssh-enrollment'], ['password', 'ssh-agent'], true],
    [['password-wrap', 'ssh-enrollment', 'tpm-enrollment'], ['password', 'ssh-agent', 'tpm'], false],
    [['password-wrap', 'recovery-wrap'], ['password', 'recovery'], false],
  ];
  for (const [files, enrolled, direct] of inferred) {
    const given = files.length === 0 ? 'a salt alone' : files.join(', ');
    it(`with ${given} has ${enrolled.join(', ')}${direct ? ', its password without a wrap' : ''}`, () => {
      for (const suffix of files) put(suffix);
      const enrolment = read();
      assert.deepEqual([[...enrolment.enrolled], passwordIsMasterKey(enrolment.meta)], [enrolled, direct]);
    });
  }

  it('opens with any of its factors', () => {
    assert.equal(read().meta.auth_policy, 'any');
  });
});

describe('a profile with metadata of upstream', () => {
  it('has a password without a wrap where upstream added a key to its oldest form', () => {
    put('vault-meta', upstream(['password', 'ssh-agent']));
    assert.equal(passwordIsMasterKey(read().meta), true);
  });

  it('has an ordinary password where there is a wrap', () => {
    put('vault-meta', upstream(['password']));
    put('password-wrap');
    assert.equal(passwordIsMasterKey(read().meta), false);
  });

  it('has lost its wrap, not its form, in all mode', () => {
    put('vault-meta', upstream(['password', 'ssh-agent'], 'all'));
    assert.equal(passwordIsMasterKey(read().meta), false);
  });

  it('has no password where none is enrolled', () => {
    put('vault-meta', upstream(['ssh-agent']));
    assert.deepEqual([[...read().enrolled], passwordIsMasterKey(read().meta)], [['ssh-agent'], false]);
  });
});

describe('a profile without a salt', () => {
  it('is damaged, and no salt is made', () => {
    const other = new Fixture();
    try {
      writeFileSync(other.path('db'), 'x');
      assert.throws(() => readEnrolment(memory, other.directory, 'home'), failsWith('file-damaged', 'home.salt', 'missing'));
      assert.deepEqual([...other.snapshot().keys()], ['home.db']);
    } finally {
      other.remove();
    }
  });

  it('and without any other file is not initialised', () => {
    assert.throws(() => readEnrolment(memory, fixture.directory, 'work'), failsWith('vault-not-initialised', 'work'));
  });
});
