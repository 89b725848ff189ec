// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FrameReader, longestFrame, longestNoiseMessage, MessageReader, prefixed, sealFrame } from '../../src/bus/frame.ts';
import { failsWith } from '../support/failures.ts';

const tag = Buffer.alloc(16, 0x74);
/** Stands in for a cipher: 16 bytes longer, and the tag is checked. */
const encrypt = (chunk: Uint8Array): Buffer => Buffer.concat([chunk, tag]);
const decrypt = (message: Buffer): Buffer => {
  assert.deepEqual(message.subarray(-16), tag);
  return Buffer.from(message.subarray(0, -16));
};

function readAll(pieces: Iterable<Buffer>): Buffer[] {
  const reader = new FrameReader(new MessageReader());
  const frames: Buffer[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let frame = reader.next(decrypt); frame !== undefined; frame = reader.next(decrypt)) frames.push(frame);
  }
  return frames;
}

function* pieces(stream: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let start = 0;
  for (let index = 0; start < stream.length; index += 1) {
    const end = start + (sizes[index % sizes.length] ?? stream.length);
    yield Buffer.from(stream.subarray(start, end));
    start = end;
  }
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

describe('frames', () => {
  it('arrive as they were sent, however the stream is cut', () => {
    const plaintexts = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 });
    const sizes = fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(plaintexts, sizes, (sent, cuts) => {
        const stream = Buffer.concat(sent.map((plaintext) => sealFrame(plaintext, encrypt)));
        assert.deepEqual(
          readAll(pieces(stream, cuts)),
          sent.map((plaintext) => Buffer.from(plaintext)),
        );
      }),
    );
  });

  for (const length of [0, 1, 65_519, 65_520, 131_038, 131_039, longestFrame]) {
    it(`of ${length} bytes are carried`, () => {
      const sent = Buffer.alloc(length, 0x5a);
      assert.deepEqual(readAll(pieces(sealFrame(sent, encrypt), [4096])), [sent]);
    });
  }

  it('longer than the limit are not sent', () => {
    assert.throws(() => sealFrame(Buffer.alloc(longestFrame + 1), encrypt), failsWith('frame-too-long'));
  });

  it('have the form of the protocol: a count of chunks, then the chunks, each with its length', () => {
    const chunk = Buffer.concat([Buffer.from('x'), tag]);
    assert.deepEqual(sealFrame(Buffer.from('x'), encrypt), Buffer.concat([u32(4), u32(1), u32(17), chunk]));
  });

  it('carry at most 65,519 bytes in a chunk', () => {
    const lengths: number[] = [];
    sealFrame(Buffer.alloc(longestFrame), (chunk) => {
      lengths.push(chunk.length);
      return encrypt(chunk);
    });
    assert.deepEqual(lengths, [65_519, 65_519, 34]);
  });

  it('wipe the parts of which a long one was put together', () => {
    const parts: Buffer[] = [];
    const reader = new FrameReader(new MessageReader());
    reader.push(sealFrame(Buffer.alloc(70_000, 1), encrypt));
    reader.next((message) => {
      const part = decrypt(message);
      parts.push(part);
      return part;
    });
    assert.deepEqual(
      parts.map((part) => part.every((byte) => byte === 0)),
      [true, true],
    );
  });

  it('are decrypted only when they have arrived whole', () => {
    const reader = new FrameReader(new MessageReader());
    const stream = sealFrame(Buffer.alloc(100_000), encrypt);
    reader.push(stream.subarray(0, stream.length - 1));
    assert.equal(
      reader.next(() => assert.fail('too early')),
      undefined,
    );
  });
});

describe('malformed frames', () => {
  const refused = (bytes: Buffer) => () => readAll([bytes]);

  for (const count of [0, 4, 0xffff_ffff]) {
    it(`of ${count} chunks are refused`, () => {
      assert.throws(refused(prefixed(u32(count))), failsWith('message-invalid'));
    });
  }

  it('that do not start with a count are refused', () => {
    assert.throws(refused(prefixed(Buffer.alloc(3))), failsWith('message-invalid'));
  });

  it('whose count would be longer than four bytes are refused before it arrives', () => {
    assert.throws(refused(u32(5)), failsWith('frame-too-long'));
  });

  it('with a chunk too long for Noise are refused before it arrives', () => {
    assert.throws(refused(Buffer.concat([prefixed(u32(1)), u32(longestNoiseMessage + 1)])), failsWith('frame-too-long'));
  });

  it('with a chunk shorter than a tag are refused', () => {
    assert.throws(refused(Buffer.concat([prefixed(u32(1)), prefixed(Buffer.alloc(15))])), failsWith('message-invalid'));
  });

  it('longer than the limit in sum are refused', () => {
    const chunk = prefixed(Buffer.alloc(longestNoiseMessage));
    assert.throws(refused(Buffer.concat([prefixed(u32(3)), chunk, chunk, chunk])), failsWith('frame-too-long'));
  });
});

describe('the message reader', () => {
  it('reserves nothing for a length that is only announced', () => {
    const reader = new MessageReader();
    reader.push(u32(longestNoiseMessage));
    assert.equal(reader.next(longestNoiseMessage), undefined);
    assert.equal(reader.held, 4);
  });

  it('copies in proportion to what arrives, even byte by byte', () => {
    const elapsed = (length: number): number => {
      const reader = new MessageReader();
      const stream = prefixed(Buffer.alloc(length));
      const startedAt = process.cpuUsage();
      for (let index = 0; index < stream.length; index += 1) {
        reader.push(stream.subarray(index, index + 1));
        reader.next(longestNoiseMessage);
      }
      return process.cpuUsage(startedAt).user;
    };
    // The least of several, because others use this machine too.
    const least = (length: number): number => Math.min(...Array.from({ length: 5 }, () => elapsed(length)));
    // Sixteen times as much may take sixteen times as long, not 256 times.
    assert.ok(least(64_000) < 80 * Math.max(least(4000), 500));
  });

  it('leaves messages that were taken as they are while more arrives', () => {
    const reader = new MessageReader();
    const first = prefixed(Buffer.from('first'));
    reader.push(first.subarray(0, 6));
    reader.push(Buffer.concat([first.subarray(6), prefixed(Buffer.from('second')).subarray(0, 7)]));
    const taken = reader.next(100);
    reader.push(prefixed(Buffer.from('second')).subarray(7));
    assert.equal(String(reader.next(100)), 'second');
    assert.equal(String(taken), 'first');
  });
});
