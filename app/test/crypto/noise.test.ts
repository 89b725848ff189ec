// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { describe, it } from 'node:test';
import { generateKeyPair, IkInitiator, IkResponder, type NoiseSuite, type NoiseTransport } from '../../src/crypto/noise.ts';
import { importKeyPair } from '../../src/crypto/x25519.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';
import { type NoiseVector, noiseVectors } from './vectors.ts';

const memory = openSecretMemory();
const hex = (text: string) => Buffer.from(text, 'hex');

const suites: readonly NoiseSuite[] = [
  { cipher: 'chacha-poly', hash: 'blake2s' },
  { cipher: 'chacha-poly', hash: 'sha256' },
  { cipher: 'aes-gcm', hash: 'blake2s' },
  { cipher: 'aes-gcm', hash: 'sha256' },
];

const nameOf = ({ cipher, hash }: NoiseSuite) =>
  `Noise_IK_25519_${cipher === 'aes-gcm' ? 'AESGCM' : 'ChaChaPoly'}_${hash === 'sha256' ? 'SHA256' : 'BLAKE2s'}`;

function keyPair(privateKey: string) {
  const { privateKey: inside } = importKeyPair({ publicKey: Buffer.alloc(32), privateKey: hex(privateKey) });
  const publicKey = createPublicKey(inside).export({ type: 'spki', format: 'der' }).subarray(-32);
  return { publicKey, privateKey: hex(privateKey) };
}

function fromVector(vector: NoiseVector, suite: NoiseSuite) {
  const initiator = new IkInitiator({
    memory,
    suite,
    prologue: hex(vector.init_prologue),
    staticKey: keyPair(vector.init_static),
    ephemeral: keyPair(vector.init_ephemeral),
    remotePublicKey: hex(vector.init_remote_static),
  });
  const responder = new IkResponder({
    memory,
    suite,
    prologue: hex(vector.resp_prologue),
    staticKey: keyPair(vector.resp_static),
    ephemeral: keyPair(vector.resp_ephemeral),
  });
  return { initiator, responder };
}

const defaults = { suite: { cipher: 'chacha-poly', hash: 'blake2s' } satisfies NoiseSuite, prologue: Buffer.from('prologue') };
const clientKey = generateKeyPair();
const serverKey = generateKeyPair();
const nothing = Buffer.alloc(0);

function initiatorOf(options: { suite?: NoiseSuite; prologue?: Buffer; remotePublicKey?: Buffer } = {}): IkInitiator {
  return new IkInitiator({ memory, ...defaults, staticKey: clientKey, remotePublicKey: serverKey.publicKey, ...options });
}

function responderOf(options: { suite?: NoiseSuite; prologue?: Buffer } = {}): IkResponder {
  return new IkResponder({ memory, ...defaults, staticKey: serverKey, ...options });
}

function connect(): { client: NoiseTransport; server: NoiseTransport } {
  const initiator = initiatorOf();
  const responder = responderOf();
  responder.readMessage1(initiator.writeMessage1(nothing));
  initiator.readMessage2(responder.writeMessage2(nothing));
  return { client: initiator.split(), server: responder.split() };
}

function flipped(message: Buffer, bit: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return copy;
}

const refused = { code: 'handshake-failed' };

describe('Noise IK', () => {
  for (const suite of suites) {
    const own = noiseVectors.filter(({ vector }) => vector.protocol_name === nameOf(suite));

    it(`has vectors of two implementations for ${nameOf(suite)}`, () => {
      assert.deepEqual([...new Set(own.map(({ source }) => source))].sort(), ['cacophony', 'snow']);
    });

    for (const { source, vector } of own) {
      it(`writes and reads the ${source} vector of ${nameOf(suite)}`, () => {
        const { initiator, responder } = fromVector(vector, suite);
        const [first, second, ...rest] = vector.messages;
        assert.ok(first !== undefined && second !== undefined && rest.length > 1);

        const message1 = initiator.writeMessage1(hex(first.payload));
        assert.equal(message1.toString('hex'), first.ciphertext);
        assert.equal(responder.readMessage1(message1).toString('hex'), first.payload);
        assert.deepEqual(responder.remotePublicKey, keyPair(vector.init_static).publicKey);
        const message2 = responder.writeMessage2(hex(second.payload));
        assert.equal(message2.toString('hex'), second.ciphertext);
        assert.equal(initiator.readMessage2(message2).toString('hex'), second.payload);

        const sides = [initiator.split(), responder.split()] as const;
        for (const [index, { payload, ciphertext }] of rest.entries()) {
          const [sender, receiver] = index % 2 === 0 ? sides : ([sides[1], sides[0]] as const);
          const message = sender.encrypt(hex(payload));
          assert.equal(message.toString('hex'), ciphertext);
          assert.equal(receiver.decrypt(message).toString('hex'), payload);
        }
        for (const side of sides) {
          if (vector.handshake_hash !== undefined) assert.equal(side.handshakeHash.toString('hex'), vector.handshake_hash);
          side.destroy();
        }
      });
    }

    for (const other of suites.filter((candidate) => candidate !== suite)) {
      it(`refuses ${nameOf(other)} where ${nameOf(suite)} is spoken`, () => {
        assert.throws(() => responderOf({ suite }).readMessage1(initiatorOf({ suite: other }).writeMessage1(nothing)), refused);
      });
    }
  }
});

describe('a handshake', () => {
  it('gives both sides the same hash, and each connection its own', () => {
    const first = connect();
    const second = connect();
    assert.deepEqual(first.client.handshakeHash, first.server.handshakeHash);
    assert.notDeepEqual(first.client.handshakeHash, second.client.handshakeHash);
    for (const transport of [first.client, first.server, second.client, second.server]) transport.destroy();
  });

  it('refuses a client that expects another server key', () => {
    const message1 = initiatorOf({ remotePublicKey: generateKeyPair().publicKey }).writeMessage1(nothing);
    assert.throws(() => responderOf().readMessage1(message1), refused);
  });

  it('refuses another prologue', () => {
    const message1 = initiatorOf({ prologue: Buffer.from('other processes') }).writeMessage1(nothing);
    assert.throws(() => responderOf().readMessage1(message1), refused);
  });

  it('refuses a client that claims a key it does not own', () => {
    const impostor = { publicKey: clientKey.publicKey, privateKey: generateKeyPair().privateKey };
    const initiator = new IkInitiator({ memory, ...defaults, staticKey: impostor, remotePublicKey: serverKey.publicKey });
    assert.throws(() => responderOf().readMessage1(initiator.writeMessage1(nothing)), refused);
  });

  it('refuses a server that does not own its key', () => {
    const initiator = initiatorOf();
    const message1 = initiator.writeMessage1(nothing);
    const impostor = { publicKey: serverKey.publicKey, privateKey: generateKeyPair().privateKey };
    assert.throws(() => new IkResponder({ memory, ...defaults, staticKey: impostor }).readMessage1(message1), refused);
  });

  it('refuses a first message with any bit flipped', () => {
    const message1 = initiatorOf().writeMessage1(Buffer.from('payload'));
    for (let bit = 0; bit < message1.length * 8; bit += 5) {
      // X25519 ignores the highest bit of a public key, but the hash does not.
      assert.throws(() => responderOf().readMessage1(flipped(message1, bit)), refused, `bit ${bit}`);
    }
    assert.throws(() => responderOf().readMessage1(flipped(message1, 255)), refused, 'the ignored bit');
  });

  it('refuses a second message with any bit flipped', () => {
    for (let bit = 0; bit < 48 * 8; bit += 11) {
      const initiator = initiatorOf();
      const responder = responderOf();
      responder.readMessage1(initiator.writeMessage1(nothing));
      const message2 = flipped(responder.writeMessage2(nothing), bit);
      responder.destroy();
      assert.throws(() => initiator.readMessage2(message2), refused, `bit ${bit}`);
    }
  });

  it('refuses a first message of any other length', () => {
    const message1 = initiatorOf().writeMessage1(nothing);
    for (const length of [0, 1, 31, 32, 80, 95]) {
      assert.throws(() => responderOf().readMessage1(message1.subarray(0, length)), refused, `${length} bytes`);
    }
    assert.throws(() => responderOf().readMessage1(Buffer.concat([message1, Buffer.alloc(1)])), refused, 'one byte more');
    assert.throws(() => responderOf().readMessage1(Buffer.alloc(65_536)), refused, '65,536 bytes');
  });

  it("does not let a replayed first message's sender finish", () => {
    const message1 = initiatorOf().writeMessage1(nothing);
    const replayed = responderOf();
    replayed.readMessage1(message1);
    const message2 = replayed.writeMessage2(nothing);
    const other = initiatorOf();
    other.writeMessage1(nothing);
    assert.throws(() => other.readMessage2(message2), refused);
    replayed.destroy();
  });

  it('refuses an ephemeral key of low order', () => {
    const message1 = Buffer.alloc(96);
    assert.throws(() => responderOf().readMessage1(message1), refused);
  });

  it('refuses to connect to a key of low order', () => {
    assert.throws(() => initiatorOf({ remotePublicKey: Buffer.alloc(32) }).writeMessage1(nothing), refused);
  });

  it('takes its steps once and in order', () => {
    const ours = { name: 'AssertionError' };
    const initiator = initiatorOf();
    assert.throws(() => initiator.readMessage2(Buffer.alloc(48)), ours);
    assert.throws(() => initiator.split(), ours);
    initiator.writeMessage1(nothing);
    assert.throws(() => initiator.writeMessage1(nothing), ours);
    initiator.destroy();
    const responder = responderOf();
    assert.throws(() => responder.writeMessage2(nothing), ours);
    assert.throws(() => responder.remotePublicKey, ours);
    responder.destroy();
  });

  it('refuses to go on after it failed', () => {
    const initiator = initiatorOf();
    initiator.writeMessage1(nothing);
    assert.throws(() => initiator.readMessage2(Buffer.alloc(48)), refused);
    assert.throws(() => initiator.split(), { name: 'AssertionError' });
  });

  it('holds no secret memory after it failed', () => {
    const before = memory.status().pagesInUse;
    assert.throws(() => responderOf().readMessage1(Buffer.alloc(96, 1)), refused);
    assert.equal(memory.status().pagesInUse, before);
  });

  it('holds no secret memory after it was abandoned', () => {
    const before = memory.status().pagesInUse;
    const initiator = initiatorOf();
    initiator.writeMessage1(nothing);
    initiator.destroy();
    initiator.destroy();
    assert.equal(memory.status().pagesInUse, before);
  });

  it('holds one page a side once it is established, and none after destroy', () => {
    const before = memory.status().pagesInUse;
    const { client, server } = connect();
    assert.equal(memory.status().pagesInUse, before + 2);
    client.destroy();
    server.destroy();
    assert.equal(memory.status().pagesInUse, before);
  });

  it('does not need its caller to keep the private key', () => {
    const { publicKey, privateKey } = generateKeyPair();
    const responder = new IkResponder({ memory, ...defaults, staticKey: { publicKey, privateKey } });
    privateKey.fill(0);
    assert.deepEqual(responder.readMessage1(initiatorOf({ remotePublicKey: publicKey }).writeMessage1(nothing)), nothing);
    responder.destroy();
  });
});
