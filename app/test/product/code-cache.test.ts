// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Script } from 'node:vm';

const built = join(import.meta.dirname, '../../../dist');

const programs = [
  // Something that loads much of the program, and something that ends at the daemon that is not there.
  { name: 'sesame', words: ['config', 'schema'], ends: { status: 0, stdout: /^\{\n/, stderr: /^$/ } },
  {
    name: 'sesame-reading',
    words: ['secret', 'get', 'a'],
    ends: { status: 13, stdout: /^$/, stderr: /^sesame: .*daemon-profile/ },
  },
];

for (const { name, words, ends } of programs) {
  describe(`the compiled form of ${name} beside its text`, () => {
    const copy = mkdtempSync(join(tmpdir(), 'open-sesame-dist-'));
    after(() => rmSync(copy, { recursive: true, force: true }));
    cpSync(built, copy, { recursive: true, filter: (path) => !path.endsWith('/lib/node') });
    cpSync(realpathSync(join(built, 'lib/node')), join(copy, 'lib/node'));

    const lib = join(copy, 'lib');
    const fileOf = (ending: string) =>
      join(lib, readdirSync(lib).find((file) => new RegExp(`^${name}-[0-9a-f]{16}${ending}$`).test(file)) ?? 'missing');
    const text = fileOf('\\.js');
    const cache = fileOf('-v.*\\.cache');
    const original = readFileSync(cache);
    const node = join(lib, 'node');

    const works = () => {
      const env = { PATH: process.env['PATH'], PDS_CONFIG_DIR: copy, PDS_STATE_DIR: copy, PDS_RUNTIME_DIR: copy };
      const { status, stdout, stderr } = spawnSync(join(copy, 'bin/sesame'), words, { env, encoding: 'utf8' });
      assert.equal(status, ends.status, stderr);
      assert.match(stdout, ends.stdout);
      assert.match(stderr, ends.stderr);
    };

    const accepted = (path: string, ...flags: string[]) => {
      const source = `const { Script } = require('node:vm'); const { readFileSync } = require('node:fs');
        const [text, cache] = process.argv.slice(1);
        console.log(!new Script(readFileSync(text, 'latin1'), { cachedData: readFileSync(cache) }).cachedDataRejected);`;
      return spawnSync(node, [...flags, '-e', source, path, cache], { encoding: 'utf8' }).stdout.trim();
    };

    it('is taken with the flags of the launcher', () => {
      const launcher = readFileSync(join(copy, 'bin/sesame'), 'utf8');
      const flags = [...(/^exec .*$/m.exec(launcher)?.[0].matchAll(/ (--[\w=-]+)/g) ?? [])].map(([, flag = '']) => flag);
      assert.ok(flags.length > 0);
      assert.equal(accepted(text, ...flags), 'true');
    });

    // Each makes Node refuse the code cache of its own modules as well: 15 ms.
    it('shows that the launcher has no flag of V8', () => assert.equal(accepted(text, '--max-semi-space-size=1'), 'false'));

    it('is named after the text, so that it cannot be taken for another one', () => {
      const named = cache.replace(/-v\d+\.\d+\.\d+-\w+\.cache$/, '.js');
      assert.equal(named, text);
      assert.ok(new Script(readFileSync(text, 'latin1')));
    });

    it('may be read by everybody and written by its owner', () => {
      assert.equal(statSync(join(built, 'lib', cache.slice(lib.length + 1))).mode & 0o777, 0o644);
    });

    it('is not written when the program runs', () => {
      const before = [readdirSync(lib), statSync(cache).mtimeMs];
      works();
      assert.deepEqual([readdirSync(lib), statSync(cache).mtimeMs], before);
    });

    const harms: [string, () => void][] = [
      ['is cut off', () => truncateSync(cache, original.length - 100)],
      ['is empty', () => truncateSync(cache, 0)],
      ['is of another version of V8', () => writeFileSync(cache, Buffer.concat([Buffer.alloc(16, 1), original.subarray(16)]))],
      ['is missing', () => rmSync(cache)],
    ];
    for (const [harm, act] of harms) {
      it(`is not needed: the program works when it ${harm}`, () => {
        writeFileSync(cache, original);
        act();
        works();
      });
    }

    it('is of all that the command loads: the text of no other program is read', () => {
      for (const other of programs.filter((program) => program.name !== name))
        for (const file of readdirSync(lib).filter((file) => new RegExp(`^${other.name}-[0-9a-f]{16}`).test(file)))
          rmSync(join(lib, file));
      works();
    });
  });
}
