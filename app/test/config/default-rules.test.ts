// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideAccess, listing } from '../../src/config/access.ts';
import { addDefaultRules, removeDefaultRules } from '../../src/config/default-rules.ts';
import { SesameError } from '../../src/core/errors.ts';
import { Workplace } from './support.ts';

const workplace = new Workplace();

function add(before: string | undefined, profile: string): string | undefined {
  return addDefaultRules('rules.toml', before === undefined ? undefined : Buffer.from(before), profile)?.toString();
}

function remove(before: string, profile: string): string | undefined {
  return removeDefaultRules('rules.toml', Buffer.from(before), profile)?.toString();
}

describe('the rules of a new profile', () => {
  it('let administrators do everything, and everybody else nothing', () => {
    const configuration = workplace.load({ 'state/rules.toml': add(undefined, 'device') ?? '' });
    assert.equal(decideAccess(configuration, 'device', { name: 'administrators' }, 'x'), 'allow');
    for (const name of [undefined, 'mqtt-bridge', '*']) {
      assert.equal(decideAccess(configuration, 'device', { name }, 'x'), 'deny');
      assert.equal(decideAccess(configuration, 'device', { name }, listing), 'deny');
    }
  });

  it('leave it to config.toml to grant a client something, and no other client gains by it', () => {
    const configuration = workplace.load({
      'state/rules.toml': add(undefined, 'device') ?? '',
      'etc/config.toml': '[profiles.device.secrets.access]\nmqtt-bridge = ["mqtt/*"]',
    });
    assert.equal(decideAccess(configuration, 'device', { name: 'mqtt-bridge' }, 'mqtt/password'), 'allow');
    assert.equal(decideAccess(configuration, 'device', { name: 'updater' }, 'mqtt/password'), 'deny');
  });

  it('keep those of the profiles before it', () => {
    const { profiles } = workplace.load({ 'state/rules.toml': add(add(undefined, 'one'), 'two') ?? '' });
    assert.deepEqual(Object.keys(profiles), ['one', 'two']);
  });

  it('are not written where the profile has some', () => {
    assert.equal(add('[profiles.p.secrets.access]\na = []', 'p'), undefined);
  });

  it('are written where the profile has an empty table, which would let everybody in', () => {
    const { profiles } = workplace.load({ 'state/rules.toml': add('[profiles.p.secrets.access]', 'p') ?? '' });
    assert.deepEqual({ ...profiles['p']?.secrets.access }, { administrators: ['*'], '*': [] });
  });

  it('are not written over a file that cannot be read', () => {
    assert.throws(
      () => add('[profiles', 'p'),
      (thrown) => thrown instanceof SesameError && thrown.code === 'file-damaged' && /rules\.toml.*line 1/.test(thrown.message),
    );
  });

  it('are taken back as if they had never been written', () => {
    const one = add(undefined, 'one') ?? '';
    assert.equal(remove(add(one, 'two') ?? '', 'two'), one);
    assert.equal(remove(one, 'one'), '');
  });

  it('are not taken back where somebody has written others', () => {
    const one = add(undefined, 'one') ?? '';
    assert.equal(remove(`${one}\nmqtt-bridge = []\n`, 'one'), undefined);
    assert.equal(remove(one, 'two'), undefined);
  });
});
