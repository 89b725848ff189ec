// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createDecipheriv, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { defaultVaultSuite, type VaultSuite } from '../../src/crypto/suite.ts';
import type { FactorContext } from '../../src/factors/factor.ts';
import { recoveryFactor } from '../../src/factors/recovery.ts';
import { encodeRecoveryKey } from '../../src/factors/recovery-key.ts';
import { failsWith, memory, reveal, secret } from './fixture.ts';

const path = '/state/vaults/home.recovery-wrap';
const salt = randomBytes(16);

function contextOf(profile: string, suite: VaultSuite = defaultVaultSuite): FactorContext {
  return { memory, profile, salt, suite };
}

describe('the recovery factor', () => {
  const key = randomBytes(32);
  const text = () => encodeRecoveryKey(memory, memory.take(Buffer.from(key)));
  const wrap = (piece: Buffer, context = contextOf('home')) =>
    recoveryFactor.wrap(context, text(), memory.take(Buffer.from(piece)));

  it('wraps under the key that b3sum --derive-key gives', async () => {
    const piece = randomBytes(32);
    const bytes = await wrap(piece);
    const hex = execFileSync('b3sum', ['--derive-key', 'pds v2 recovery-kek home', '--no-names'], {
      input: key,
      encoding: 'latin1',
    });
    const decipher = createDecipheriv('aes-256-gcm', Buffer.from(hex.trim(), 'hex'), bytes.subarray(1, 13));
    decipher.setAuthTag(bytes.subarray(-16));
    assert.deepEqual(Buffer.concat([decipher.update(bytes.subarray(13, -16)), decipher.final()]), piece);
  });

  for (const hkdf of ['blake3', 'hkdf-sha256'] as const) {
    it(`opens what it wrapped with ${hkdf}`, async () => {
      const piece = randomBytes(32);
      const context = contextOf('home', { kdf: 'argon2id', hkdf });
      const opened = await recoveryFactor.unwrap(context, { path, bytes: await wrap(piece, context) }, text());
      assert.equal(opened && reveal(opened), piece.toString('hex'));
    });
  }

  it('does not open the wrap of another profile', async () => {
    const bytes = await wrap(randomBytes(32));
    assert.equal(await recoveryFactor.unwrap(contextOf('work'), { path, bytes }, text()), undefined);
  });

  it('tells a typing error from a wrong key', async () => {
    const bytes = await wrap(randomBytes(32));
    await assert.rejects(
      recoveryFactor.unwrap(contextOf('home'), { path, bytes }, secret('no key at all')),
      failsWith('recovery-key-malformed'),
    );
  });
});
