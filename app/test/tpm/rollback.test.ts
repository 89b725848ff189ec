// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { SesameError } from '../../src/core/errors.ts';
import { incrementCounter, provideCounter, readCounter } from '../../src/tpm/nv-counter.ts';
import { advanceState, type Freshness, freshnessOf, parseMark, type StateMark, serialiseMark } from '../../src/tpm/rollback.ts';
import { provideStorageKey } from '../../src/tpm/storage-key.ts';
import { type Bench, bench } from './fixture.ts';

describe('the mark of a vault', () => {
  let { chip, tpm }: Bench = {} as never;
  const vault = Buffer.from('the salt of a vault');
  let mark: StateMark | undefined;
  before(async () => {
    ({ chip, tpm } = await bench());
  });
  after(() => chip.remove());

  beforeEach(async () => {
    mark = undefined;
    chip.tools('tpm2_nvundefine', '0x1805e01');
  });

  function noted(next: StateMark): void {
    mark = next;
  }

  async function advance(note = noted): Promise<void> {
    await tpm.converse((esys) => advanceState(esys, { vault, mark, auditSequence: 7, note }));
  }

  async function freshness(of = mark): Promise<Freshness> {
    return await tpm.converse((esys) => freshnessOf(esys, vault, of));
  }

  it('is not there before the first time', async () => {
    assert.equal(await freshness(), 'unprotected');
  });

  it('is as new as the TPM knows it to be, unlock after unlock and boot after boot', async () => {
    for (let unlock = 0; unlock < 3; unlock += 1) {
      await advance();
      assert.equal(await freshness(), 'current');
      await chip.reboot();
      assert.equal(await freshness(), 'current');
    }
  });

  it('gives an older copy away', async () => {
    await advance();
    const old = mark;
    await advance();
    assert.equal(await freshness(old), 'restored');
    assert.equal(await freshness(), 'current');
  });

  it('gives a copy away that is older than the protection', async () => {
    await advance();
    mark = undefined;
    assert.equal(await freshness(), 'restored');
  });

  it('may be one ahead of the TPM, where a power cut came in between', async () => {
    await advance();
    await assert.rejects(
      advance((next) => {
        mark = next;
        throw new Error('the power goes');
      }),
    );
    assert.equal(await freshness(), 'current');
    const fromThatMoment = mark;
    await advance();
    assert.equal(await freshness(), 'current');
    assert.equal(await freshness(fromThatMoment), 'restored');
  });

  it('does not count when the vault could not be written', async () => {
    await advance();
    await assert.rejects(
      advance(() => {
        throw new Error('the disk is full');
      }),
    );
    assert.equal(await freshness(), 'current');
  });

  it('says so when the TPM was cleared, or is another one', async () => {
    await advance();
    chip.tool('tpm2_nvundefine', '0x1805e01');
    assert.equal(await freshness(), 'counter-lost');
    const other = await bench();
    try {
      assert.equal(await other.tpm.converse((esys) => freshnessOf(esys, vault, mark)), 'counter-lost');
    } finally {
      await other.chip.remove();
    }
  });

  it('is an old one when its counter was removed and made again', async () => {
    await advance();
    chip.tool('tpm2_nvundefine', '0x1805e01');
    await tpm.converse((esys) => provideCounter(esys, 'state', vault));
    assert.equal(await freshness(), 'restored');
  });

  it('is too old once somebody else has counted: a false alarm, never a false peace', async () => {
    await advance();
    await tpm.converse(async (esys) => {
      const counter = await provideCounter(esys, 'state', vault);
      await incrementCounter(esys, counter);
      assert.ok((await readCounter(esys, await provideStorageKey(esys), counter)) > (mark?.value ?? 0n));
    });
    assert.equal(await freshness(), 'restored');
  });
});

describe('the bytes of a mark', () => {
  const mark: StateMark = { value: 9n, counter: { handle: 0x1805e01, name: Buffer.alloc(34, 7) }, auditSequence: 1234 };
  const bytes = serialiseMark(mark);

  it('read as they were written', () => {
    assert.deepEqual(parseMark('the vault', bytes), mark);
  });

  it('are refused when they are cut off or longer', () => {
    for (const wrong of [
      ...Array.from({ length: bytes.length }, (_, length) => bytes.subarray(0, length)),
      Buffer.concat([bytes, bytes]),
    ]) {
      assert.throws(
        () => parseMark('the vault', wrong),
        (thrown) => thrown instanceof SesameError && thrown.code === 'file-damaged',
      );
    }
  });

  it('of a newer version ask for a newer program', () => {
    assert.throws(() => parseMark('the vault', Buffer.concat([Buffer.of(2), bytes.subarray(1)])), /update the program/);
  });
});
