// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readProfileState, serialiseProfileState } from '../../src/config/profile-state.ts';
import { RecordingLogger } from '../../src/core/log.ts';
import { temporaryDirectory } from '../support/directory.ts';

const root = temporaryDirectory();

function fileWith(content: string | Buffer | undefined): string {
  const path = join(mkdtempSync(join(root, 'state-')), 'profiles.json');
  if (content !== undefined) writeFileSync(path, content);
  return path;
}

describe('the state of the profiles', () => {
  it('is empty before the first is active', () => {
    const logger = new RecordingLogger();
    assert.deepEqual(readProfileState(fileWith(undefined), logger), { active: [] });
    assert.deepEqual(logger.lines, []);
  });

  it('reads back as it was written, with what this version does not know', () => {
    const state = { active: ['device', 'factory'], default: 'device', future: { a: 1 } };
    assert.deepEqual(readProfileState(fileWith(serialiseProfileState(state)), new RecordingLogger()), state);
  });

  const damaged: readonly (readonly [what: string, content: string | Buffer])[] = [
    ['is empty', ''],
    ['is cut off', '{"active": ["dev'],
    ['is something else', '[1, 2]'],
    ['has a name that is none', '{"active": ["../etc"]}'],
    ['has a name twice', '{"active": ["a", "a"]}'],
    ['is too long', `{"active": [${' '.repeat(70_000)}]}`],
    ['is not text', Buffer.from([0xff, 0xfe, 0x00])],
  ];
  for (const [what, content] of damaged) {
    it(`counts as empty, is put aside and said when it ${what}`, () => {
      const path = fileWith(content);
      const logger = new RecordingLogger();
      assert.deepEqual(readProfileState(path, logger), { active: [] });
      assert.equal(existsSync(path), false);
      assert.deepEqual(readFileSync(`${path}.damaged`), Buffer.from(content));
      assert.deepEqual(
        logger.lines.map(({ level, fields }) => [level, fields['kept']]),
        [['error', `${path}.damaged`]],
      );
    });
  }

  it('is put aside when it is a directory', () => {
    const path = fileWith(undefined);
    mkdirSync(path);
    assert.deepEqual(readProfileState(path, new RecordingLogger()), { active: [] });
    assert.ok(existsSync(`${path}.damaged`));
  });
});
