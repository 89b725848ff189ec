// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { artefact, type Recipe } from '../build/artefact.ts';

describe('an artefact', () => {
  let cache: string;
  let made: number;
  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), 'open-sesame-cache-'));
    made = 0;
  });
  afterEach(() => rmSync(cache, { recursive: true }));

  const recipe = (key: string): Recipe => ({
    cache,
    name: 'thing',
    key: key.repeat(16),
    announcement: '',
    say: () => undefined,
    make: async (path) => {
      made += 1;
      await wait(50);
      writeFileSync(path, key);
    },
  });

  it('is made once for all who want it at the same time', async () => {
    const paths = await Promise.all([artefact(recipe('a')), artefact(recipe('a'))]);
    assert.deepEqual([made, new Set(paths).size, readFileSync(paths[0], 'utf8')], [1, 1, 'a']);
  });

  it('takes the place of the one that was made of something else', async () => {
    await artefact(recipe('a'));
    await artefact(recipe('b'));
    assert.deepEqual(readdirSync(cache), [`thing-${'b'.repeat(16)}`]);
  });

  it('is made although somebody was ended who was making it', async () => {
    const longestPid = 2 ** 22;
    writeFileSync(join(cache, `thing-${'a'.repeat(16)}.lock`), String(longestPid + 1));
    await artefact(recipe('a'));
    assert.equal(made, 1);
  });
});
