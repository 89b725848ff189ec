// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { SesameError } from '../../src/core/errors.ts';
import { defaultVaultSuite } from '../../src/crypto/suite.ts';
import type { FactorContext } from '../../src/factors/factor.ts';
import { challengeOf, sshAgentFactor } from '../../src/factors/ssh-agent.ts';
import { encodeSshEvidence } from '../../src/factors/ssh-evidence.ts';
import type { SecretBytes } from '../../src/memory/secret-bytes.ts';
import { parsePublicKey } from '../../src/ssh/public-key.ts';
import { hasProgram } from '../support/device.ts';
import { openSshMissing, RealAgent } from '../support/ssh-agent.ts';
import { failsWith, memory, reveal } from './fixture.ts';

const profile = 'home';
const context: FactorContext = { memory, profile, salt: randomBytes(16), suite: defaultVaultSuite };
const file = (bytes: Buffer) => ({ path: '/vaults/home.ssh-enrollment', bytes });

/** BLAKE3's own derive_key, by its reference program. */
function derive(purpose: string, material: Buffer): Buffer {
  const { stdout, status } = spawnSync('b3sum', ['--no-names', '--derive-key', purpose], { input: material, encoding: 'utf8' });
  assert.equal(status, 0);
  return Buffer.from(stdout.trim(), 'hex');
}

// Another reading of the agent's protocol: the inner bytes of a signature by the agent at SSH_AUTH_SOCK, in hexadecimal.
const signer = `
import os, socket, struct, sys
def string(data): return struct.pack(">I", len(data)) + data
blob, data = bytes.fromhex(sys.argv[1]), bytes.fromhex(sys.argv[2])
agent = socket.socket(socket.AF_UNIX); agent.connect(os.environ["SSH_AUTH_SOCK"])
agent.sendall(string(b"\\x0d" + string(blob) + string(data) + struct.pack(">I", 4)))
answer = b""
while len(answer) < 4 or len(answer) < 4 + struct.unpack(">I", answer[:4])[0]: answer += agent.recv(65536)
blob = answer[9:]
name = struct.unpack(">I", blob[:4])[0]
print(blob[8 + name:].hex())
`;

/** The file as upstream writes it, from the description of the format. */
function upstreamFile(fingerprint: string, type: string, signature: Buffer, piece: Buffer): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', derive(`pds v2 ssh-vault-kek ${profile}`, signature), nonce);
  const sealed = Buffer.concat([nonce, cipher.update(piece), cipher.final(), cipher.getAuthTag()]);
  const length = Buffer.from([0, fingerprint.length]);
  return Buffer.concat([Buffer.of(1), length, Buffer.from(fingerprint), Buffer.of(type.length), Buffer.from(type), sealed]);
}

describe('the ssh-agent factor', { skip: openSshMissing || (hasProgram('b3sum') ? false : 'b3sum is missing') }, () => {
  let real: RealAgent;
  const keys: Record<string, string> = {};
  before(async () => {
    real = await RealAgent.start();
    keys['ssh-ed25519'] = real.add('ed25519', 'ed25519');
    keys['rsa of 2048 bits'] = real.add('rsa2048', 'rsa', '-b', '2048');
    keys['rsa of 4096 bits'] = real.add('rsa4096', 'rsa', '-b', '4096');
    keys['another'] = real.add('another', 'ed25519');
  });
  after(() => real.stop());

  const challenge = () => derive(`pds v2 ssh-challenge ${profile}`, context.salt);
  const pathOf = (name: string): string => keys[name] ?? assert.fail(name);

  /** Each key is asked once: that it signs the same bytes again is another test's business. */
  const signed = new Map<string, Buffer>();
  function signatureBy(name: string, data = challenge()): Buffer {
    const known = signed.get(`${name} ${data.toString('hex')}`);
    if (known !== undefined) return known;
    const blob = real.publicBlob(pathOf(name)).toString('hex');
    const signature = Buffer.from(real.run('python3', '-c', signer, blob, data.toString('hex')).trim(), 'hex');
    signed.set(`${name} ${data.toString('hex')}`, signature);
    return signature;
  }

  function evidence(blob: Buffer, ...signatures: Buffer[]): SecretBytes {
    const parts = signatures.map((signature) => memory.take(Buffer.from(signature)));
    return encodeSshEvidence(memory, parsePublicKey(blob), parts);
  }
  const evidenceBy = (name: string, times = 2): SecretBytes =>
    evidence(real.publicBlob(pathOf(name)), ...Array.from({ length: times }, () => signatureBy(name)));

  const wrap = (presented: SecretBytes) => sshAgentFactor.wrap(context, presented, memory.take(Buffer.alloc(32, 7)));

  it('has the challenge that the format describes', () => assert.deepEqual(challengeOf(context), challenge()));

  for (const name of ['ssh-ed25519', 'rsa of 2048 bits', 'rsa of 4096 bits']) {
    const type = name.startsWith('rsa') ? 'ssh-rsa' : 'ssh-ed25519';

    it(`opens what upstream wrote for ${name}`, async () => {
      const piece = randomBytes(32);
      const upstream = file(upstreamFile(real.fingerprint(pathOf(name)), type, signatureBy(name), piece));
      sshAgentFactor.check(upstream);
      const unwrapped = await sshAgentFactor.unwrap(context, upstream, evidenceBy(name, 1));
      assert.ok(unwrapped);
      assert.equal(reveal(unwrapped), piece.toString('hex'));
    });

    it(`writes what upstream opens for ${name}`, async () => {
      const bytes = await wrap(evidenceBy(name));
      const head = upstreamFile(real.fingerprint(pathOf(name)), type, Buffer.alloc(0), Buffer.alloc(32)).subarray(0, -60);
      assert.deepEqual(bytes.subarray(0, head.length), head);
      const [nonce, ciphertext, tag] = [bytes.subarray(-60, -48), bytes.subarray(-48, -16), bytes.subarray(-16)];
      const kek = derive(`pds v2 ssh-vault-kek ${profile}`, signatureBy(name));
      const decipher = createDecipheriv('aes-256-gcm', kek, nonce).setAuthTag(tag);
      assert.deepEqual(Buffer.concat([decipher.update(ciphertext), decipher.final()]), Buffer.alloc(32, 7));
    });
  }

  it('is labelled with the type and the fingerprint of its key', async () => {
    const bytes = await wrap(evidenceBy('ssh-ed25519'));
    assert.equal(sshAgentFactor.label(file(bytes)), `ssh-ed25519 ${real.fingerprint(pathOf('ssh-ed25519'))}`);
  });

  it('does not open with a signature by another key, nor over something else', async () => {
    const bytes = await wrap(evidenceBy('ssh-ed25519'));
    const unwrapped = (presented: SecretBytes) => sshAgentFactor.unwrap(context, file(bytes), presented);
    assert.equal(await unwrapped(evidenceBy('another', 1)), undefined);
    const blob = real.publicBlob(pathOf('ssh-ed25519'));
    assert.equal(await unwrapped(evidence(blob, signatureBy('ssh-ed25519', Buffer.alloc(32)))), undefined);
  });

  it('enrols no key that did not sign, and none that signed once or differently', async () => {
    const blob = real.publicBlob(pathOf('ssh-ed25519'));
    const [right, others] = [signatureBy('ssh-ed25519'), signatureBy('another')];
    const something = signatureBy('ssh-ed25519', createHash('sha256').digest());
    await assert.rejects(wrap(evidence(blob, others, others)), failsWith('ssh-signature-unfit', 'not by this key'));
    await assert.rejects(wrap(evidence(blob, something, something)), failsWith('ssh-signature-unfit', 'not by this key'));
    await assert.rejects(wrap(evidence(blob, right)), failsWith('ssh-signature-unfit', 'only one'));
    await assert.rejects(wrap(evidence(blob, right, others)), failsWith('ssh-signature-unfit', 'two different'));
  });

  it('enrols no key of a type that signs differently each time', async () => {
    const certified = pathOf('ssh-ed25519');
    real.run('ssh-keygen', '-q', '-s', pathOf('another'), '-I', 'name', `${certified}.pub`);
    const certificate = Buffer.from(readFileSync(`${certified}-cert.pub`, 'utf8').split(' ')[1] ?? '', 'base64');
    const blobs = {
      ECDSA: real.publicBlob(real.generate('ecdsa', 'ecdsa')),
      certificate,
      'between 2048': real.publicBlob(real.generate('short', 'rsa', '-b', '1024')),
    };
    for (const [reason, blob] of Object.entries(blobs))
      await assert.rejects(wrap(evidence(blob, Buffer.alloc(64), Buffer.alloc(64))), failsWith('ssh-key-unsuitable', reason));
  });

  it('refuses evidence that is cut off or overlong', async () => {
    const whole = evidenceBy('ssh-ed25519');
    for (let length = 1; length < whole.length; length += 1) {
      // One signature is whole evidence to open with, which is not what is asked here.
      const cut = memory.take(Buffer.from(whole.bytes.subarray(0, length)));
      await assert.rejects(wrap(cut), (thrown) => thrown instanceof SesameError && /message-invalid|unfit/.test(thrown.code));
    }
    await assert.rejects(wrap(memory.take(Buffer.concat([whole.bytes, Buffer.of(0)]))), failsWith('message-invalid'));
  });

  it('names the file for every length at which it is cut off', async () => {
    const bytes = await wrap(evidenceBy('ssh-ed25519'));
    for (let length = 0; length < bytes.length; length += 1)
      assert.throws(
        () => sshAgentFactor.check(file(bytes.subarray(0, length))),
        failsWith('file-damaged', '/vaults/home.ssh-enrollment'),
      );
    assert.throws(() => sshAgentFactor.check(file(Buffer.concat([bytes, Buffer.of(0)]))), failsWith('file-damaged'));
  });

  it('names the file for every byte that is changed, or does not open where only the ciphertext is', async () => {
    const bytes = await wrap(evidenceBy('ssh-ed25519'));
    const presented = evidenceBy('ssh-ed25519', 1);
    const sealedFrom = bytes.length - 60;
    for (let offset = 0; offset < bytes.length; offset += 1) {
      for (const flip of [0x01, 0x20, 0x80]) {
        const changed = Buffer.from(bytes);
        changed[offset] = (changed[offset] ?? 0) ^ flip;
        assert.equal(
          await outcomeOf(changed, presented),
          offset < sealedFrom ? 'names the file' : 'does not open',
          `byte ${offset} ^ ${flip}`,
        );
      }
    }
  });

  async function outcomeOf(bytes: Buffer, presented: SecretBytes): Promise<string> {
    try {
      sshAgentFactor.check(file(bytes));
      const piece = await sshAgentFactor.unwrap(context, file(bytes), presented);
      return piece === undefined ? 'does not open' : 'opens';
    } catch (thrown) {
      return thrown instanceof SesameError && thrown.message.includes('/vaults/home.ssh-enrollment')
        ? 'names the file'
        : String(thrown);
    }
  }
});
