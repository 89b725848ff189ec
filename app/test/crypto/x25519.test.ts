// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generateEphemeral, generateKeyPair, importKeyPair, type KeyPair, sharedSecret } from '../../src/crypto/x25519.ts';

const pair = (privateKey: string, publicKey: string): KeyPair => ({
  privateKey: Buffer.from(privateKey, 'hex'),
  publicKey: Buffer.from(publicKey, 'hex'),
});

// RFC 7748, section 6.1
const alice = pair(
  '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
  '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
);
const bob = pair(
  '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
  'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
);
const agreed = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';

// The points of low order that D. J. Bernstein lists at cr.yp.to/ecdh.html#validate, below 2^255.
const lowOrder = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];

describe('sharedSecret', () => {
  it('agrees with RFC 7748 in both directions', () => {
    assert.equal(sharedSecret(importKeyPair(alice).privateKey, bob.publicKey)?.toString('hex'), agreed);
    assert.equal(sharedSecret(importKeyPair(bob).privateKey, alice.publicKey)?.toString('hex'), agreed);
  });

  for (const point of lowOrder) {
    it(`refuses the point ${point}`, () => {
      assert.equal(sharedSecret(importKeyPair(alice).privateKey, Buffer.from(point, 'hex')), undefined);
    });
  }

  it('refuses keys of another length', () => {
    const ours = { name: 'AssertionError' };
    assert.throws(() => sharedSecret(importKeyPair(alice).privateKey, Buffer.alloc(31)), ours);
    assert.throws(() => importKeyPair({ publicKey: bob.publicKey, privateKey: Buffer.alloc(33) }), ours);
  });
});

describe('generateKeyPair', () => {
  it('gives a public key that belongs to the private one', () => {
    const ours = generateKeyPair();
    const fromPrivate = sharedSecret(importKeyPair(ours).privateKey, bob.publicKey);
    assert.deepEqual(fromPrivate, sharedSecret(importKeyPair(bob).privateKey, ours.publicKey));
  });

  it('gives 32 bytes each', () => {
    const { publicKey, privateKey } = generateKeyPair();
    assert.deepEqual([publicKey.length, privateKey.length], [32, 32]);
  });

  it('gives another pair each time', () => {
    assert.notDeepEqual(generateKeyPair().privateKey, generateKeyPair().privateKey);
  });
});

describe('generateEphemeral', () => {
  it('gives a public key that belongs to the private one', () => {
    const ours = generateEphemeral();
    assert.equal(ours.publicKey.length, 32);
    assert.deepEqual(sharedSecret(ours.privateKey, bob.publicKey), sharedSecret(importKeyPair(bob).privateKey, ours.publicKey));
  });
});
