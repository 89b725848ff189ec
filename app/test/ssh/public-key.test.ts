// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { parsePublicKey, parsePublicKeyFile } from '../../src/ssh/public-key.ts';
import { string } from '../../src/ssh/wire.ts';
import { openSshMissing, RealAgent } from '../support/ssh-agent.ts';

const typed = (type: string) => parsePublicKey(Buffer.concat([string(Buffer.from(type)), string(Buffer.alloc(32))]));

describe('a public key of ssh', { skip: openSshMissing }, () => {
  let real: RealAgent;
  before(async () => {
    real = await RealAgent.start();
  });
  after(() => real.stop());

  it('has the fingerprint and the size that ssh-keygen shows', () => {
    for (const type of [['ed25519'], ['rsa', '-b', '2048'], ['rsa', '-b', '3072']]) {
      const path = real.generate(type.join(''), ...type);
      const key = parsePublicKey(real.publicBlob(path));
      const [bits, fingerprint] = real.run('ssh-keygen', '-lf', `${path}.pub`).split(' ');
      assert.deepEqual([String(key.bits), key.fingerprint], [bits, fingerprint]);
      assert.ok('numbers' in key.suitability);
    }
  });

  it('is read from the file that ssh-keygen writes, comments and empty lines aside', () => {
    const path = real.generate('file', 'ed25519');
    const text = readFileSync(`${path}.pub`, 'utf8');
    for (const form of [text, text.trim(), `# a comment\n\n${text}\n`]) {
      const key = parsePublicKeyFile(form);
      assert.ok(typeof key !== 'string', String(key));
      assert.equal(key.fingerprint, real.fingerprint(path));
    }
  });

  it('is not read from anything else, and the reason is named', () => {
    const path = real.generate('wrong', 'ed25519');
    const text = readFileSync(`${path}.pub`, 'utf8');
    assert.equal(parsePublicKeyFile(readFileSync(path, 'utf8')), 'it is a private key');
    assert.equal(parsePublicKeyFile(''), 'it is empty');
    assert.equal(parsePublicKeyFile(text + text), 'it has more than one line');
    assert.match(String(parsePublicKeyFile('ssh-ed25519')), /not a type followed by base64/);
    assert.match(String(parsePublicKeyFile(text.replace('ssh-ed25519', 'ssh-rsa'))), /its line says "ssh-rsa"/);
  });

  it('that cannot serve has its reason by its type', () => {
    const reasons: Readonly<Record<string, RegExp>> = {
      'ecdsa-sha2-nistp256': /ECDSA/,
      'sk-ssh-ed25519@openssh.com': /security key/,
      'sk-ecdsa-sha2-nistp256@openssh.com': /security key/,
      'webauthn-sk-ecdsa-sha2-nistp256@openssh.com': /security key/,
      'ssh-ed25519-cert-v01@openssh.com': /certificate/,
      'ssh-rsa-cert-v01@openssh.com': /certificate/,
      'rsa-sha2-512-cert-v01@openssh.com': /certificate/,
      'ssh-dss': /DSA/,
      'rsassa-pss': /RSA-PSS/,
      'ssh-ed448': /not known/,
    };
    for (const [type, reason] of Object.entries(reasons)) {
      const { suitability, type: found } = typed(type);
      assert.equal(found, type);
      assert.match('reason' in suitability ? suitability.reason : '', reason, type);
    }
  });

  it('that was cut off or goes on is none that can serve', () => {
    const blob = real.publicBlob(real.generate('cut', 'rsa', '-b', '2048'));
    for (let length = 0; length < blob.length; length += 1)
      assert.ok('reason' in parsePublicKey(blob.subarray(0, length)).suitability, `${length} bytes`);
    assert.ok('reason' in parsePublicKey(Buffer.concat([blob, Buffer.of(0)])).suitability);
  });
});
