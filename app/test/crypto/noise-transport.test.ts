// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { NoiseTransport, noisePlaintextLimit } from '../../src/crypto/noise-transport.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';

const memory = openSecretMemory();
const refused = { code: 'message-invalid' };

for (const cipher of ['chacha-poly', 'aes-gcm'] as const) {
  describe(`a transport over ${cipher}`, () => {
    let client: NoiseTransport;
    let server: NoiseTransport;

    function connect(): void {
      const keys = randomBytes(64);
      const hash = randomBytes(32);
      client = new NoiseTransport(cipher, 'initiator', memory.take(Buffer.from(keys)), hash);
      server = new NoiseTransport(cipher, 'responder', memory.take(keys), hash);
    }

    function disconnect(): void {
      client?.destroy();
      server?.destroy();
    }

    beforeEach(() => {
      disconnect();
      connect();
    });
    after(disconnect);

    it('carries any sequence of messages in both directions', () => {
      const messages = fc.array(fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 300 })), { maxLength: 20 });
      fc.assert(
        fc.property(messages, (sequence) => {
          for (const [fromClient, plaintext] of sequence) {
            const [sender, receiver] = fromClient ? [client, server] : [server, client];
            assert.deepEqual(receiver.decrypt(sender.encrypt(plaintext)), Buffer.from(plaintext));
          }
        }),
      );
    });

    it('carries 65,519 bytes in 65,535', () => {
      const plaintext = randomBytes(noisePlaintextLimit);
      const message = client.encrypt(plaintext);
      assert.equal(message.length, 65_535);
      assert.deepEqual(server.decrypt(message), plaintext);
    });

    it('does not encrypt more', () => {
      assert.throws(() => client.encrypt(Buffer.alloc(noisePlaintextLimit + 1)), { name: 'AssertionError' });
    });

    it('refuses more', () => {
      assert.throws(() => server.decrypt(Buffer.alloc(65_536)), refused);
    });

    it('refuses a forged message', () => {
      assert.throws(() => server.decrypt(randomBytes(48)), refused);
    });

    it('refuses any flipped bit', () => {
      const message = client.encrypt(Buffer.from('secret'));
      for (let bit = 0; bit < message.length * 8; bit++) {
        const altered = Buffer.from(message);
        altered.writeUInt8(altered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        assert.throws(() => server.decrypt(altered), refused, `bit ${bit}`);
      }
    });

    it('refuses any truncation', () => {
      const message = client.encrypt(Buffer.from('secret'));
      for (let length = 0; length < message.length; length++) {
        assert.throws(() => server.decrypt(message.subarray(0, length)), refused, `${length} bytes`);
      }
    });

    it('refuses a replayed message', () => {
      const message = client.encrypt(Buffer.from('pay'));
      server.decrypt(message);
      assert.throws(() => server.decrypt(message), refused);
    });

    it('refuses a message that overtook another', () => {
      client.encrypt(Buffer.from('first'));
      const second = client.encrypt(Buffer.from('second'));
      assert.throws(() => server.decrypt(second), refused);
    });

    it('refuses its own message reflected', () => {
      const message = client.encrypt(Buffer.from('echo'));
      assert.throws(() => client.decrypt(message), refused);
    });

    it('still reads the right message after it refused a forged one', () => {
      const message = client.encrypt(Buffer.from('right'));
      assert.throws(() => server.decrypt(randomBytes(message.length)), refused);
      assert.equal(server.decrypt(message).toString(), 'right');
    });

    it('leaves the plaintext to its owner', () => {
      const plaintext = Buffer.from('value');
      client.encrypt(plaintext);
      assert.equal(plaintext.toString(), 'value');
    });

    it('does nothing more once it is destroyed', () => {
      const message = client.encrypt(Buffer.from('late'));
      server.destroy();
      server.destroy();
      assert.throws(() => server.decrypt(message), { name: 'AssertionError' });
      assert.throws(() => server.encrypt(Buffer.alloc(1)), { name: 'AssertionError' });
    });
  });
}
