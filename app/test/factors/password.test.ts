// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { defaultVaultSuite } from '../../src/crypto/suite.ts';
import type { FactorContext } from '../../src/factors/factor.ts';
import { passwordFactor } from '../../src/factors/password.ts';
import { failsWith, memory, reveal, secret } from './fixture.ts';

const path = '/state/vaults/home.password-wrap';
// ASCII, because the command takes its salt as an argument.
const context: FactorContext = { memory, profile: 'home', salt: Buffer.from('saltsaltsaltsalt'), suite: defaultVaultSuite };

/** Argon2id by the `argon2` command (Debian package argon2), with the parameters of the file format. */
function argon2Command(password: string): Buffer {
  const options = [context.salt.toString('latin1'), '-id', '-v', '13', '-k', '19456', '-t', '2', '-p', '1', '-l', '32', '-r'];
  const hex = execFileSync('argon2', options, { input: Buffer.from(password, 'latin1'), encoding: 'latin1' });
  return Buffer.from(hex.trim(), 'hex');
}

describe('the password factor', () => {
  it('opens a wrap that the argon2 command and AES-256-GCM made', async () => {
    const piece = randomBytes(32);
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', argon2Command('hunter2 and more'), nonce);
    const bytes = Buffer.concat([Buffer.of(1), nonce, cipher.update(piece), cipher.final(), cipher.getAuthTag()]);
    const opened = await passwordFactor.unwrap(context, { path, bytes }, secret('hunter2 and more'));
    assert.equal(opened && reveal(opened), piece.toString('hex'));
  });

  it('makes a wrap that the argon2 command and AES-256-GCM open', async () => {
    const piece = randomBytes(32);
    const bytes = await passwordFactor.wrap(context, secret('p\xe4ssword'), memory.take(Buffer.from(piece)));
    const decipher = createDecipheriv('aes-256-gcm', argon2Command('p\xe4ssword'), bytes.subarray(1, 13));
    decipher.setAuthTag(bytes.subarray(-16));
    const opened = Buffer.concat([decipher.update(bytes.subarray(13, -16)), decipher.final()]);
    assert.deepEqual([bytes.length, bytes[0], opened], [61, 1, piece]);
  });

  it('refuses an empty password before any work', async () => {
    await assert.rejects(passwordFactor.wrap(context, secret(''), memory.allocate(32)), failsWith('password-empty'));
  });

  it('stretches wrong passwords as long as right ones', async () => {
    const bytes = await passwordFactor.wrap(context, secret('right'), memory.allocate(32));
    const cost = async (password: string) => {
      const before = process.cpuUsage();
      for (let round = 0; round < 10; round++)
        (await passwordFactor.unwrap(context, { path, bytes }, secret(password)))?.release();
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    await cost('warm');
    const ratio = (await cost('wrong')) / (await cost('right'));
    assert.ok(ratio > 0.5 && ratio < 2, `wrong takes ${ratio.toFixed(2)} of the processor time that right takes`);
  });
});
