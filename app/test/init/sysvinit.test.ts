// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

const library = join(import.meta.dirname, '../../init/sysvinit/lib/daemon.sh');
const directory = mkdtempSync(join(tmpdir(), 'sysvinit-'));
after(() => rmSync(directory, { recursive: true }));

/** What the script, which runs as root, makes of a directory that the daemons meet in. */
function makeDirectory(path: string): { status: number | null; stderr: string } {
  // The library ends the shell that has read it.
  const script =
    'make() { trap - EXIT; make_directory 0750 "$user" "$path"; exit $?; }; trap make EXIT; set -- status; . "$library"';
  const environment = { user: userInfo().username, daemon: 'daemon-secrets', service_directory: directory, path, library };
  const { status, stderr } = spawnSync('sh', ['-c', script], {
    env: { PATH: process.env['PATH'], ...environment },
    encoding: 'utf8',
  });
  return { status, stderr };
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('the directories that the script of sysvinit makes', () => {
  it('have the mode that they are to have', () => {
    const path = join(directory, 'new', 'keys');
    assert.deepEqual(makeDirectory(path), { status: 0, stderr: '' });
    assert.equal(modeOf(path), 0o750);
  });

  it('are not where a symbolic link points, which a daemon may have put there', () => {
    const target = join(directory, 'target');
    const link = join(directory, 'keys');
    mkdirSync(target);
    chmodSync(target, 0o711);
    symlinkSync(target, link);
    const { status, stderr } = makeDirectory(link);
    assert.deepEqual([status, /symbolic link/.test(stderr)], [1, true], stderr);
    assert.equal(modeOf(target), 0o711);
  });

  it('are not made through a link that points nowhere', () => {
    const link = join(directory, 'dangling');
    symlinkSync(join(directory, 'absent'), link);
    assert.equal(makeDirectory(link).status, 1);
    assert.equal(existsSync(join(directory, 'absent')), false);
  });
});
