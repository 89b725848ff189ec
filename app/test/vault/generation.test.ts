// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import {
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { AssertionError } from '../../src/core/errors.ts';
import { checkVault } from '../../src/vault/check-vault.ts';
import { beginGeneration, copyEntries, recoverGeneration, type Step } from '../../src/vault/generation.ts';
import { Vault } from '../../src/vault/vault.ts';
import { runModule } from '../support/child.ts';
import { failsWith } from '../support/failures.ts';
import { Fixture, masterKey, memory, reveal } from './fixture.ts';

const oldKey = Buffer.alloc(32, 1);
const newKey = Buffer.alloc(32, 2);
const secrets = new Map([...new Array(30).keys()].map((entry) => [`name-${entry}`, `value ${entry}`]));
const dropped = ['device.recovery-wrap'];

const fixture = new Fixture();
/** A directory `vaults/` with an old generation, and one with the files of a new generation. */
let old: string;
let staged: string;
/** Where a test works: a copy of the old generation. */
let directory: string;

const openWith = (place: string, key: Buffer, start: typeof Vault.open = Vault.open): Vault => {
  const secret = masterKey(key);
  try {
    return start(fixture.options({ directory: place, masterKey: secret }));
  } finally {
    secret.release();
  }
};

const write = (place: string, files: Readonly<Record<string, string>>) => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(place, name), text);
};

before(async () => {
  old = join(fixture.directory, 'old');
  staged = join(fixture.directory, 'staged');
  mkdirSync(old);
  mkdirSync(staged);
  const from = openWith(old, oldKey, Vault.create);
  const to = openWith(staged, newKey, Vault.create);
  for (const [name, value] of secrets) from.set(name, Buffer.from(value));
  assert.equal(await copyEntries(from, to), secrets.size);
  // The log of the old database, as a crash leaves it.
  const log = join(fixture.directory, 'log');
  copyFileSync(join(old, 'device.db-wal'), log);
  from.close();
  to.close();
  copyFileSync(log, join(old, 'device.db-wal'));
  write(old, { 'device.salt': 'salt', 'device.vault-meta': 'old', 'device.password-wrap': 'old', 'device.recovery-wrap': 'old' });
  write(old, { 'device.unlock-attempts': '2', 'other.db': 'another profile' });
  write(staged, { 'device.salt': 'salt', 'device.vault-meta': 'new', 'device.password-wrap': 'new' });
});
after(() => fixture.remove());

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'open-sesame-generation-'));
  cpSync(old, directory, { recursive: true });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function startOver(): void {
  rmSync(directory, { recursive: true });
  cpSync(old, directory, { recursive: true });
}

const stage = (step?: Step) => {
  const generation = beginGeneration(directory, 'device', step);
  cpSync(staged, generation.directory, { recursive: true });
  return generation;
};

/** Which generation is there, whole. Anything between the two fails. */
async function generationHere(place: string): Promise<'old' | 'new'> {
  const generation = readFileSync(join(place, 'device.vault-meta'), 'utf8') === 'old' ? 'old' : 'new';
  const vault = openWith(place, generation === 'old' ? oldKey : newKey);
  for (const [name, value] of secrets) assert.equal(reveal(vault.get(name)), value);
  assert.deepEqual(await checkVault(vault), { entries: secrets.size, damaged: [] });
  vault.close();
  assert.equal(readFileSync(join(place, 'device.password-wrap'), 'utf8'), generation);
  assert.equal(existsSync(join(place, 'device.recovery-wrap')), generation === 'old');
  const wraps = generation === 'old' ? ['device.recovery-wrap'] : [];
  const others = ['device.db', 'device.password-wrap', 'device.salt', 'device.unlock-attempts', 'device.vault-meta', 'other.db'];
  assert.deepEqual(readdirSync(place).sort(), [...others, ...wraps].sort());
  return generation;
}

class Crash extends Error {}

/** Throws at one step, as if the machine had stopped before it. */
function crashAt(stop: number, seen: string[] = []): Step {
  return (name) => {
    if (seen.length === stop) throw new Crash(name);
    seen.push(name);
  };
}

/** The steps of a whole commit, each a moment to crash at. The old generation is there again afterwards. */
function steps(): string[] {
  const seen: string[] = [];
  stage((name) => seen.push(name)).commit(dropped);
  startOver();
  return seen;
}

/** @returns whether it ran to its end */
function untilCrash(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (thrown) {
    if (thrown instanceof Crash) return false;
    throw thrown;
  }
}

describe('a new generation', () => {
  it('is in place after its commit, and what it drops is gone', async () => {
    stage().commit(dropped);
    assert.equal(await generationHere(directory), 'new');
  });

  it('that is discarded leaves the old one as it was', async () => {
    stage().discard();
    assert.equal(await generationHere(directory), 'old');
  });

  it('may be the first of its profile', () => {
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    stage().commit([]);
    assert.deepEqual(readdirSync(directory).sort(), ['device.db', 'device.password-wrap', 'device.salt', 'device.vault-meta']);
  });

  it('starts afresh when one before it was left unfinished', async () => {
    writeFileSync(join(stage().directory, 'device.ssh-enrollment'), 'of the first try');
    stage().commit(dropped);
    assert.equal(await generationHere(directory), 'new');
  });

  it('is prepared where only its owner can look', () => {
    assert.equal(statSync(stage().directory).mode & 0o777, 0o700);
  });
});

describe('the wraps of the old master key', () => {
  const wraps = ['device.password-wrap', 'device.recovery-wrap'];

  it('are overwritten, the replaced ones as well as the dropped ones', () => {
    const links = mkdtempSync(join(tmpdir(), 'open-sesame-links-'));
    for (const name of wraps) linkSync(join(directory, name), join(links, name));
    stage().commit(dropped);
    const left = wraps.map((name) => readFileSync(join(links, name)));
    rmSync(links, { recursive: true });
    assert.deepEqual(left, [Buffer.alloc(3), Buffer.alloc(3)]);
  });

  it('are untouched until the commit', async () => {
    assert.throws(() => stage(crashAt(steps().indexOf('sync the commit'))).commit(dropped), Crash);
    for (const name of wraps) assert.equal(readFileSync(join(directory, name), 'utf8'), 'old');
  });
});

describe('a generation is not committed', () => {
  const refuses = async (generation: ReturnType<typeof stage>, names: string[]) => {
    assert.throws(() => generation.commit(names), AssertionError);
    generation.discard();
    assert.equal(await generationHere(directory), 'old');
  };

  it('while a wrap of the old master key would stay beside the new database', async () => await refuses(stage(), []));

  it('without a database', async () => {
    const generation = stage();
    rmSync(join(generation.directory, 'device.db'));
    await refuses(generation, dropped);
  });

  it('while its database is open', () => {
    const generation = stage();
    const vault = openWith(generation.directory, newKey);
    vault.set('name', Buffer.from('value'));
    assert.throws(() => generation.commit(dropped), AssertionError);
    vault.close();
  });

  it('when it would drop what it brings', async () => await refuses(stage(), [...dropped, 'device.salt']));

  it('when it would drop files that are not its own', async () => await refuses(stage(), [...dropped, 'other.db']));
});

describe('a crash', () => {
  it('before any step of a commit leaves the old generation or the new one, whole, however often recovery crashes too', async () => {
    const all = steps();
    const commit = all.indexOf('commit');
    assert.ok(commit > 0 && all.length > commit + 8, all.join(', '));
    for (let stop = 0; stop < all.length; stop += 1) {
      startOver();
      assert.equal(
        untilCrash(() => stage(crashAt(stop)).commit(dropped)),
        false,
      );
      for (let again = 0; again < all.length; again += 1) {
        if (untilCrash(() => void recoverGeneration(directory, 'device', crashAt(again)))) break;
      }
      assert.equal(await generationHere(directory), stop <= commit ? 'old' : 'new', `before: ${all[stop]}`);
      assert.equal(recoverGeneration(directory, 'device'), 'none');
    }
  });

  it('of the whole process, by SIGKILL, does the same', async () => {
    const all = steps();
    const commit = all.indexOf('commit');
    for (let stop = 1; stop < all.length; stop += 3) {
      startOver();
      const { signal, stderr } = runModule(`
        import { cpSync } from 'node:fs';
        import { beginGeneration } from ${JSON.stringify(import.meta.resolve('../../src/vault/generation.ts'))};
        let seen = 0;
        const step = () => { if (seen++ === ${stop}) process.kill(process.pid, 'SIGKILL'); };
        const generation = beginGeneration(${JSON.stringify(directory)}, 'device', step);
        cpSync(${JSON.stringify(staged)}, generation.directory, { recursive: true });
        generation.commit(${JSON.stringify(dropped)});
      `);
      assert.equal(signal, 'SIGKILL', stderr);
      recoverGeneration(directory, 'device');
      assert.equal(await generationHere(directory), stop <= commit ? 'old' : 'new', `before: ${all[stop]}`);
    }
  });

  it('while a generation is discarded can be recovered from', async () => {
    for (let stop = 0; ; stop += 1) {
      stage();
      const ended = untilCrash(() => void recoverGeneration(directory, 'device', crashAt(stop)));
      assert.equal(recoverGeneration(directory, 'device'), ended ? 'none' : 'discarded');
      assert.equal(await generationHere(directory), 'old');
      if (ended) return;
    }
  });
});

describe('recovering', () => {
  it('says what it found', () => {
    assert.equal(recoverGeneration(directory, 'device'), 'none');
    stage();
    assert.equal(recoverGeneration(directory, 'device'), 'discarded');
    const generation = stage(crashAt(12));
    assert.equal(
      untilCrash(() => generation.commit(dropped)),
      false,
    );
    assert.equal(recoverGeneration(directory, 'device'), 'completed');
  });

  it('wipes a wrap that a write left under a temporary name', async () => {
    writeFileSync(join(stage().directory, '.device.password-wrap.0123456789ab.tmp'), 'half');
    assert.equal(recoverGeneration(directory, 'device'), 'discarded');
    assert.equal(await generationHere(directory), 'old');
  });

  for (const [what, manifest] of [
    ['no JSON', 'half a mani'],
    ['of another version', '{"version":2,"dropped":[]}'],
    ['without its list', '{"version":1}'],
    ['with names that leave the directory', '{"version":1,"dropped":["../audit.jsonl"]}'],
    ['with names of other profiles', '{"version":1,"dropped":["other.db"]}'],
    ['longer than any', `{"version":1,"dropped":[${'"device.salt",'.repeat(400)}"device.salt"]}`],
  ] as const) {
    it(`refuses a manifest that is ${what}, and touches nothing`, () => {
      const committed = join(directory, 'device.committed');
      cpSync(staged, committed, { recursive: true });
      writeFileSync(join(committed, 'manifest.json'), manifest);
      const before = readdirSync(directory, { recursive: true }).map(String).sort();
      assert.throws(() => recoverGeneration(directory, 'device'), failsWith('file-damaged'));
      assert.deepEqual(readdirSync(directory, { recursive: true }).map(String).sort(), before);
    });
  }

  it('refuses a generation whose manifest is missing', () => {
    cpSync(staged, join(directory, 'device.committed'), { recursive: true });
    assert.throws(() => recoverGeneration(directory, 'device'), failsWith('file-damaged'));
  });

  it('refuses a generation with files that are no part of a vault', () => {
    const committed = join(directory, 'device.committed');
    cpSync(staged, committed, { recursive: true });
    write(committed, { 'manifest.json': '{"version":1,"dropped":[]}', 'other.db': 'foreign' });
    assert.throws(() => recoverGeneration(directory, 'device'), failsWith('file-damaged'));
    assert.equal(readFileSync(join(directory, 'other.db'), 'utf8'), 'another profile');
  });
});

describe('the keys of both generations', () => {
  it('are all given back', async () => {
    const before = memory.status().pagesInUse;
    stage().commit(dropped);
    await generationHere(directory);
    assert.equal(memory.status().pagesInUse, before);
  });
});
