// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ErrorCode } from '../../src/core/catalogue.ts';
import { SesameError } from '../../src/core/errors.ts';
import { beforeFirstRow } from '../../src/vault/entry-table.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { rounds, seededRandom } from '../support/campaign.ts';
import { sqlCipher } from '../support/sqlcipher.ts';
import { Fixture, keysByB3sum, masterKeyBytes, reveal, setAndCrash } from './fixture.ts';

const pageBytes = 4096;
const damageCodes: readonly ErrorCode[] = ['vault-damaged', 'vault-key-refused', 'entry-damaged', 'secret-not-found'];

/** What a vault of many kinds of pages holds: inner pages, overflow pages, and free ones where entries were deleted. */
const entries = new Map<string, string>();
for (let entry = 0; entry < 120; entry += 1) entries.set(`service-${entry}/password`, `value of ${entry} `.repeat(entry % 7));
for (let entry = 0; entry < 4; entry += 1) entries.set(`certificate-${entry}`, `line ${entry}\n`.repeat(1500));

let fixture: Fixture;
let sound: Buffer;
before(() => {
  fixture = new Fixture();
  const vault = fixture.create();
  for (const [name, value] of entries) vault.set(name, Buffer.from(value));
  for (let entry = 0; entry < 8; entry += 1) vault.set(`deleted-${entry}`, Buffer.alloc(2000, entry));
  for (let entry = 0; entry < 8; entry += 1) vault.delete(`deleted-${entry}`);
  vault.close();
  sound = readFileSync(fixture.path);
});
after(() => fixture.remove());

function codeOf(thrown: unknown): ErrorCode {
  if (thrown instanceof SesameError && damageCodes.includes(thrown.code)) return thrown.code;
  throw thrown;
}

/** @returns how many entries came back; one that comes back is right, and what does not is refused as damage */
function readAll(vault: Vault): number {
  let intact = 0;
  for (const [name, value] of entries) {
    try {
      assert.equal(reveal(vault.get(name)), value);
      intact += 1;
    } catch (thrown) {
      if (thrown instanceof assert.AssertionError) throw thrown;
      codeOf(thrown);
    }
  }
  return intact;
}

type Outcome = 'refused' | 'found' | 'harmless';

/** Opens and reads what lies there now. Damage is refused at the opening, found by the check, or has no effect on any entry. */
function examine(): Outcome {
  let vault: Vault;
  try {
    vault = fixture.open();
  } catch (thrown) {
    codeOf(thrown);
    return 'refused';
  }
  try {
    const intact = readAll(vault);
    const found = checkFinds(vault);
    assert.ok(found || intact === entries.size, 'a check that finds nothing vouches for every entry');
    return found ? 'found' : 'harmless';
  } finally {
    vault.close();
  }
}

function checkFinds(vault: Vault): boolean {
  try {
    vault.checkPages();
    const damaged: string[] = [];
    let count = 0;
    for (let batch = vault.checkBatch(beforeFirstRow); batch !== undefined; batch = vault.checkBatch(batch.last)) {
      count += batch.entries;
      damaged.push(...batch.damaged);
    }
    return damaged.length > 0 || count !== entries.size;
  } catch (thrown) {
    codeOf(thrown);
    return true;
  }
}

function flip(bytes: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  const at = Math.floor(bit / 8);
  flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << (bit % 8)), at);
  return flipped;
}

/** Native objects are freed between two turns of the event loop: a long campaign in a single one would hold gigabytes. */
const betweenRounds = () => nextTurn();

describe('one flipped bit', () => {
  const examineFlipped = (bit: number) => {
    rmSync(`${fixture.path}-wal`, { force: true });
    writeFileSync(fixture.path, flip(sound, bit));
    return examine();
  };

  it('in the first page is refused at once, wherever it is', () => {
    for (let byte = 0; byte < pageBytes; byte += 61) assert.equal(examineFlipped(byte * 8 + (byte % 8)), 'refused');
  });

  it('in any other page is found or harmless, in its content, its nonce and its authentication code', () => {
    writeFileSync(fixture.path, sound);
    const key = keysByB3sum('device', masterKeyBytes).vaultKey.toString('hex');
    const [[[free] = []] = []] = sqlCipher({ path: fixture.path, key, statements: ['PRAGMA freelist_count'] });
    let harmlessPages = 0;
    for (let page = 1; page < sound.length / pageBytes; page += 1) {
      const outcomes = [0, 2000, pageBytes - 48, pageBytes - 1].map((offset) =>
        examineFlipped((page * pageBytes + offset) * 8 + (page % 8)),
      );
      assert.equal(new Set(outcomes).size, 1, `page ${page}: ${outcomes}`);
      if (outcomes[0] === 'harmless') harmlessPages += 1;
    }
    assert.ok(harmlessPages > 0 && harmlessPages <= Number(free), `${harmlessPages} harmless pages, ${free} free ones`);
  });

  it('anywhere never gives a wrong value', async () => {
    const random = seededRandom();
    for (let round = 0; round < rounds(100, 20_000); round += 1) {
      const bit = random.below(sound.length * 8);
      try {
        examineFlipped(bit);
      } catch (thrown) {
        assert.fail(`SEED=${random.seed}, bit ${bit}: ${String(thrown)}`);
      }
      await betweenRounds();
    }
  });

  it('in the write-ahead log gives the value before or the value after, and no other', async () => {
    const { path } = fixture;
    const written = [0, 1, 2, 3, 4].map((round) => `round ${round}`);
    writeFileSync(path, sound);
    setAndCrash(
      fixture.directory,
      written.map((value) => ['service-6/password', value]),
    );
    const database = readFileSync(path);
    const log = readFileSync(`${path}-wal`);
    const allowed = new Set([entries.get('service-6/password'), ...written]);
    const random = seededRandom();
    for (let round = 0; round < rounds(60, 5000); round += 1) {
      const bit = random.below(log.length * 8);
      writeFileSync(path, database);
      writeFileSync(`${path}-wal`, flip(log, bit));
      try {
        const vault = fixture.open();
        const value = reveal(vault.get('service-6/password'));
        vault.close();
        assert.ok(allowed.has(value), `SEED=${random.seed}, bit ${bit}`);
      } catch (thrown) {
        codeOf(thrown);
      }
      await betweenRounds();
    }
    rmSync(`${path}-wal`, { force: true });
  });
});

describe('a file that was cut off', () => {
  it('at any page is refused or found, and never read as a smaller vault', () => {
    for (let length = pageBytes; length < sound.length; length += pageBytes) {
      writeFileSync(fixture.path, sound);
      truncateSync(fixture.path, length);
      assert.notEqual(examine(), 'harmless', `at ${length} bytes`);
    }
  });

  it('in the middle of a page is refused or found', () => {
    for (const length of [1, 100, pageBytes - 1, pageBytes + 1, sound.length - 3 * pageBytes + 1]) {
      writeFileSync(fixture.path, sound.subarray(0, length));
      assert.notEqual(examine(), 'harmless', `at ${length} bytes`);
    }
  });
});

describe('pages that changed places', () => {
  it('are found: each is authenticated together with its number', () => {
    const swapped = Buffer.from(sound);
    sound.copy(swapped, 2 * pageBytes, 3 * pageBytes, 4 * pageBytes);
    sound.copy(swapped, 3 * pageBytes, 2 * pageBytes, 3 * pageBytes);
    writeFileSync(fixture.path, swapped);
    assert.notEqual(examine(), 'harmless');
  });

  it('from another vault of the same profile are found', () => {
    const other = new Fixture();
    const vault = other.create();
    for (const [name] of entries) vault.set(name, Buffer.from('of another vault'));
    vault.close();
    const mixed = Buffer.from(sound);
    readFileSync(other.path).copy(mixed, 2 * pageBytes, 2 * pageBytes, 3 * pageBytes);
    other.remove();
    writeFileSync(fixture.path, mixed);
    assert.notEqual(examine(), 'harmless');
  });
});

describe('a damaged page', () => {
  it('does not keep the entries of other pages from being read, and reading does not change the file', () => {
    const counts: number[] = [];
    for (let page = 1; page < sound.length / pageBytes; page += 1) {
      const damaged = flip(sound, page * pageBytes * 8);
      writeFileSync(fixture.path, damaged);
      const vault = fixture.open();
      counts.push(readAll(vault));
      vault.close();
      assert.ok(readFileSync(fixture.path).equals(damaged));
    }
    assert.ok(
      counts.some((count) => count > 0 && count < entries.size),
      `some, not all: ${counts}`,
    );
  });
});
