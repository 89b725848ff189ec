// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { SesameError } from '../../src/core/errors.ts';
import { readCounter } from '../../src/tpm/nv-counter.ts';
import {
  advanceState,
  type Freshness,
  freshnessOf,
  type MarkedState,
  parseMark,
  type StateMark,
  serialiseMark,
} from '../../src/tpm/rollback.ts';
import { makeStateCounter, newCounterAuthorisation } from '../../src/tpm/state-counter.ts';
import { provideStorageKey } from '../../src/tpm/storage-key.ts';
import { Tpm } from '../../src/tpm/tpm.ts';
import { TpmProxy } from '../support/tpm-proxy.ts';
import { type Bench, bench, memory } from './fixture.ts';

const index = '0x1805e01';
const place = Buffer.from('/var/lib/pds/vaults/P.db');
const commandIncrement = 0x134;

describe('what a vault keeps for the TPM', () => {
  let { chip, tpm, logger }: Bench = {} as never;
  let state: MarkedState | undefined;
  let boots = 0;
  before(async () => {
    ({ chip, tpm, logger } = await bench());
  });
  after(() => chip.remove());

  beforeEach(async () => {
    state = undefined;
    chip.tools('tpm2_nvundefine', index);
    await advance();
  });

  const audit = { sequence: 7, hash: 'cd'.repeat(32) };

  /** As a vault does it: what it is given stays the giver's. */
  function noted({ mark, authorisation }: MarkedState): void {
    state = { mark, authorisation: memory.take(Buffer.from(authorisation.bytes)) };
  }

  function marked(): MarkedState {
    assert.ok(state !== undefined);
    return state;
  }

  /** Each in a boot of its own, unless it is said to be the same. */
  async function advance({ note = noted, of = tpm, boot = `boot ${boots}`, onceABoot = true } = {}): Promise<void> {
    boots += 1;
    await of.converse((esys) => advanceState(esys, { memory, place, state, audit, boot, onceABoot, note }));
  }

  async function freshness(of = marked()): Promise<Freshness> {
    return await tpm.converse((esys) => freshnessOf(esys, of));
  }

  async function counterValue(): Promise<bigint> {
    const { mark, authorisation } = marked();
    return await tpm.converse(async (esys) => readCounter(esys, await provideStorageKey(esys), mark.counter, authorisation));
  }

  it('is as new as the TPM knows it to be, unlock after unlock and boot after boot', async () => {
    for (let unlock = 0; unlock < 3; unlock += 1) {
      await advance();
      assert.equal(await freshness(), 'current');
      await chip.reboot();
      assert.equal(await freshness(), 'current');
    }
  });

  it('gives an older copy away', async () => {
    const old = marked();
    await advance();
    assert.equal(await freshness(old), 'restored');
    assert.equal(await freshness(), 'current');
  });

  it('counts once a boot, because NV memory wears out, and again where the factors changed', async () => {
    const boot = 'this one';
    await advance({ boot });
    const value = await counterValue();
    for (let crash = 0; crash < 3; crash += 1) await advance({ boot });
    assert.equal(await counterValue(), value);
    await advance({ boot, onceABoot: false });
    assert.equal(await counterValue(), value + 1n);
    assert.equal(await freshness(), 'current');
  });

  it('may be one ahead of the TPM, where a power cut came in between', async () => {
    const note = (next: MarkedState): void => {
      noted(next);
      throw new Error('the power goes');
    };
    await assert.rejects(advance({ note }));
    assert.equal(await freshness(), 'current');
    const fromThatMoment = marked();
    await advance();
    assert.equal(await freshness(), 'current');
    assert.equal(await freshness(fromThatMoment), 'restored');
  });

  it('is counted after a cut in the same boot as well', async () => {
    const boot = 'this one';
    const note = (next: MarkedState): void => {
      noted(next);
      throw new Error('the daemon is killed');
    };
    await assert.rejects(advance({ note, boot }));
    await advance({ boot });
    assert.equal(await counterValue(), marked().mark.value);
  });

  it('does not count when the vault could not be written', async () => {
    const note = (): void => {
      throw new Error('the disk is full');
    };
    await assert.rejects(advance({ note }));
    assert.equal(await freshness(), 'current');
  });

  it('is not outdated by anybody else who can use the TPM, and an attempt is no attack on a PIN', async () => {
    assert.notEqual(chip.tools('tpm2_nvincrement', index).status, 0);
    assert.notEqual(chip.tools('tpm2_nvincrement', '-C', 'o', index).status, 0);
    assert.equal(await freshness(), 'current');
    const properties = chip.tool('tpm2_getcap', 'properties-variable').toString();
    assert.match(properties, /TPM2_PT_LOCKOUT_COUNTER: 0x0\n/);
  });

  it('tells a counter that was removed from a TPM that was cleared', async () => {
    chip.tool('tpm2_nvundefine', '-C', 'o', index);
    assert.equal(await freshness(), 'counter-removed');
    chip.tool('tpm2_evictcontrol', '-C', 'o', '-c', '0x81000001');
    assert.equal(await freshness(), 'counter-removed', 'a storage key that is made again is the same one');
  });

  it('says so when the TPM is another one, or was cleared, and protection starts anew', async () => {
    const other = await bench();
    try {
      assert.equal(await other.tpm.converse((esys) => freshnessOf(esys, marked())), 'counter-lost');
    } finally {
      await other.chip.remove();
    }
    chip.tool('tpm2_clear');
    assert.equal(await freshness(), 'counter-lost');
    await advance();
    assert.equal(await freshness(), 'current');
  });

  it('is not deceived by a counter that looks the same and has another authorisation value', async () => {
    chip.tool('tpm2_nvundefine', '-C', 'o', index);
    const foreign = newCounterAuthorisation(memory);
    const again = await tpm.converse(async (esys) => makeStateCounter(esys, await provideStorageKey(esys), place, foreign));
    assert.deepEqual(again, marked().mark.counter);
    assert.equal(await freshness(), 'counter-removed');
    await advance();
    assert.equal(await freshness(), 'current', 'a vault that was let in all the same has one of its own again');
  });

  it('takes the place of the counter that an earlier vault left, as often as a vault is made there', async () => {
    for (let vault = 0; vault < 17; vault += 1) {
      const earlier = marked();
      state = undefined;
      await advance();
      assert.equal(await freshness(), 'current');
      assert.equal(await freshness(earlier), 'counter-removed');
    }
    const indices = chip
      .tool('tpm2_getcap', 'handles-nv-index')
      .toString()
      .match(/0x1805E/gi);
    assert.equal(indices?.length, 1);
  });

  it('does not believe somebody between here and the TPM that it has counted', async () => {
    const proxy = await TpmProxy.start(chip);
    try {
      // Success, no parameters, one password session.
      proxy.answers.set(commandIncrement, Buffer.from('80020000001300000000000000000000010000', 'hex'));
      await proxy.apply();
      const through = new Tpm({ tcti: () => proxy.tcti, logger });
      await assert.rejects(advance({ of: through }), (thrown) => thrown instanceof SesameError);
    } finally {
      await proxy.close();
    }
  });

  it('never shows the authorisation value of its counter to a listener', async () => {
    const proxy = await TpmProxy.start(chip);
    try {
      state = undefined;
      await advance({ of: new Tpm({ tcti: () => proxy.tcti, logger }) });
      const { traffic, commands } = await proxy.apply();
      assert.ok(commands.includes(commandIncrement));
      assert.equal(traffic.includes(marked().authorisation.bytes), false);
    } finally {
      await proxy.close();
    }
  });
});

describe('the bytes of a mark', () => {
  const mark: StateMark = {
    value: 9n,
    counter: { handle: 0x1805e01, name: Buffer.alloc(34, 7) },
    key: { handle: 0x81000001, name: Buffer.alloc(34, 8), endorsementName: Buffer.alloc(34, 9) },
    audit: { sequence: 1234, hash: 'ab'.repeat(32) },
    boot: 'd2a3f1f0-0000-4000-8000-000000000000',
  };
  const bytes = serialiseMark(mark);

  it('read as they were written', () => {
    assert.deepEqual(parseMark('the vault', bytes), mark);
  });

  it('of the version before, which had the number of the audit entry alone, are read as well', () => {
    const hashLength = 2 + 32;
    const before = Buffer.concat([Buffer.of(2), bytes.subarray(1, bytes.length - hashLength)]);
    assert.deepEqual(parseMark('the vault', before), { ...mark, audit: { sequence: 1234, hash: '' } });
  });

  it('are refused when they are cut off or longer, or of a version that never was', () => {
    for (const wrong of [
      ...Array.from({ length: bytes.length }, (_, length) => bytes.subarray(0, length)),
      Buffer.concat([bytes, bytes]),
      Buffer.concat([Buffer.of(1), bytes.subarray(1)]),
    ]) {
      assert.throws(
        () => parseMark('the vault', wrong),
        (thrown) => thrown instanceof SesameError && thrown.code === 'file-damaged',
      );
    }
  });

  it('of a newer version ask for a newer program', () => {
    assert.throws(() => parseMark('the vault', Buffer.concat([Buffer.of(4), bytes.subarray(1)])), /update the program/);
  });
});
