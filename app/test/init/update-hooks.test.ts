// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { hasProgram } from '../support/device.ts';
import { temporaryDirectory } from '../support/directory.ts';

const hooks = join(import.meta.dirname, '../../init/update-hooks');
const scripts = ['authorize-next-boot', 'rauc', 'swupdate', 'mender'];
const directory = temporaryDirectory();
const configuration = join(directory, 'update-hooks.conf');
const calls = join(directory, 'calls');

/** Stands for a program of the device: notes its words, one line a call, and ends as it is told to. */
function program(name: string, status: number, dryStatus = status): void {
  const path = join(directory, name);
  writeFileSync(
    path,
    `#!/bin/sh\n{ printf '%s' ${name}; for word; do printf '|%s' "$word"; done; echo; } >> ${calls}\ncase "$*" in *--dry-run) exit ${dryStatus} ;; esac\nexit ${status}\n`,
  );
  chmodSync(path, 0o755);
}

interface HookRun {
  readonly status: number | null;
  readonly stderr: string;
  /** Words of every program that was called to change something, separated by "|". */
  readonly calls: string[];
  /** The same of dry runs. */
  readonly tried: string[];
}

function run(hook: string, words: readonly string[], { sesame = 0, dryRun = 0, environment = {} } = {}): HookRun {
  writeFileSync(calls, '');
  program('sesame', sesame, dryRun);
  program('rauc', 0);
  const { status, stderr } = spawnSync('sh', [join(hooks, hook), ...words], {
    encoding: 'utf8',
    env: {
      ...{ PATH: `${directory}:${process.env['PATH']}`, OPEN_SESAME_UPDATE_CONF: configuration },
      ...{ OPEN_SESAME_AUTHORIZE: join(hooks, 'authorize-next-boot') },
      ...environment,
    },
  });
  const every = readFileSync(calls, 'utf8').split('\n').filter(Boolean);
  const isDry = (call: string) => call.endsWith('|--dry-run');
  return { status, stderr, calls: every.filter((call) => !isDry(call)), tried: every.filter(isDry) };
}

function configure(text: string): void {
  writeFileSync(configuration, text);
}

const kernelAndCommandLine = `next_boot() { echo --kernel; echo "$1/boot/Image"; echo --cmdline; echo 'root=/dev/dm-0 dm-mod.create="root,,,ro"'; }\n`;
const authorized = (root: string, profile = 'device') =>
  `sesame|tpm|authorize|-p|${profile}|--kernel|${root}/boot/Image|--cmdline|root=/dev/dm-0 dm-mod.create="root,,,ro"`;

describe('the update hooks', () => {
  it('have no complaint of shellcheck', { skip: !hasProgram('shellcheck') && 'there is no shellcheck' }, () => {
    const { stdout } = spawnSync(
      'shellcheck',
      scripts.map((name) => join(hooks, name)),
      { encoding: 'utf8' },
    );
    assert.equal(stdout, '');
  });

  it('approve the next boot of every profile with the words of the integrator, spaces and quotes included', () => {
    configure(`profiles="device other"\n${kernelAndCommandLine}`);
    const result = run('authorize-next-boot', ['/mnt/slot']);
    assert.deepEqual([result.status, result.stderr], [0, '']);
    assert.deepEqual(result.calls, [authorized('/mnt/slot'), authorized('/mnt/slot', 'other')]);
  });

  it('approve nothing when the next boot of one of the profiles cannot be worked out', () => {
    configure(`profiles="device other"\n${kernelAndCommandLine}`);
    const result = run('authorize-next-boot', ['/mnt/slot'], { dryRun: 2 });
    assert.deepEqual([result.status, result.calls], [1, []]);
    assert.match(result.stderr, /the update is refused: the next boot of profile device cannot be approved .*: 2\)/);
  });

  it('try every profile before they approve any', () => {
    configure(`profiles="device other"\n${kernelAndCommandLine}`);
    const { tried } = run('authorize-next-boot', ['/mnt/slot'], { sesame: 4 });
    assert.deepEqual(tried, [`${authorized('/mnt/slot')}|--dry-run`, `${authorized('/mnt/slot', 'other')}|--dry-run`]);
  });

  it('refuse the update when the approval fails, with the exit code of sesame', () => {
    configure(kernelAndCommandLine);
    const { status, stderr } = run('authorize-next-boot', ['-'], { sesame: 4 });
    assert.equal(status, 1);
    assert.match(stderr, /the update is refused: the device could not open the vault of profile device afterwards .*: 4\)/);
  });

  for (const [what, text, complaint] of [
    ['says nothing of the next boot', 'profiles=device\n', /does not define next_boot/],
    ['prints nothing', 'next_boot() { :; }\n', /says nothing/],
    ['fails', 'next_boot() { return 3; }\n', /next_boot .* failed/],
  ] as const) {
    it(`refuse the update when the configuration ${what}`, () => {
      configure(text);
      const { status, stderr, calls: called } = run('authorize-next-boot', ['-']);
      assert.deepEqual({ status, called }, { status: 1, called: [] });
      assert.match(stderr, complaint);
    });
  }

  it('refuse the update when there is no configuration', () => {
    const environment = { OPEN_SESAME_UPDATE_CONF: join(directory, 'nothing') };
    const { status, stderr } = run('authorize-next-boot', ['-'], { environment });
    assert.equal(status, 1);
    assert.match(stderr, /there is no .*nothing/);
  });
});

describe('the hook of RAUC', () => {
  it('approves what is in the slot when it is a hook of the bundle', () => {
    configure(kernelAndCommandLine);
    const environment = { RAUC_SLOT_MOUNT_POINT: '/mnt/rauc/rootfs.1' };
    const result = run('rauc', ['slot-post-install'], { environment });
    assert.deepEqual([result.status, result.stderr, result.calls], [0, '', [authorized('/mnt/rauc/rootfs.1')]]);
  });

  it('does nothing for hooks of another kind', () => {
    assert.deepEqual(run('rauc', ['slot-pre-install']), { status: 0, stderr: '', calls: [], tried: [] });
  });

  it('takes the activation back as a handler, when the approval fails', () => {
    configure(kernelAndCommandLine);
    const { status, calls: called } = run('rauc', [], { sesame: 4 });
    assert.deepEqual({ status, called }, { status: 1, called: [authorized('-'), 'rauc|status|mark-active|booted'] });
  });

  it('leaves the activation alone as a handler, when the approval succeeds', () => {
    configure(kernelAndCommandLine);
    assert.deepEqual(run('rauc', []).calls, [authorized('-')]);
  });
});

describe('the hooks of SWUpdate and Mender', () => {
  it('approve after the installation and not before it', () => {
    configure(kernelAndCommandLine);
    assert.deepEqual(run('swupdate', ['preinst']).calls, []);
    assert.deepEqual(run('swupdate', ['postinst']).calls, [authorized('-')]);
    assert.deepEqual(run('mender', []).calls, [authorized('-')]);
  });

  it('fail when the approval fails', () => {
    configure(kernelAndCommandLine);
    assert.equal(run('swupdate', ['postinst'], { sesame: 9 }).status, 1);
    assert.equal(run('mender', [], { sesame: 9 }).status, 1);
  });
});

it('every update hook is a program', () => {
  for (const name of scripts) {
    assert.ok(existsSync(join(hooks, name)));
    assert.equal(spawnSync('test', ['-x', join(hooks, name)]).status, 0, name);
  }
});
