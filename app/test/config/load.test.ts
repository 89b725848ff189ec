// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadConfiguration, readConfiguration } from '../../src/config/load.ts';
import { SesameError } from '../../src/core/errors.ts';
import { brief, Workplace } from './support.ts';

const workplace = new Workplace();

describe('the configuration', () => {
  it('is the defaults when there are no files', () => {
    const { configuration, diagnostics, sources } = workplace.read({});
    assert.deepEqual([diagnostics, sources], [[], []]);
    assert.equal(configuration?.global.default_profile, 'default');
    assert.deepEqual({ ...configuration.global.ipc }, { channel_capacity: 128, slow_subscriber_timeout_ms: 5000 });
    assert.deepEqual({ ...configuration.global.rate_limit }, { per_second: 100, burst: 200 });
    assert.equal(configuration.global.keys.rotation_grace_seconds, 30);
    assert.deepEqual(
      { ...configuration.crypto },
      {
        kdf: 'argon2id',
        hkdf: 'blake3',
        noise_cipher: 'chacha-poly',
        noise_hash: 'blake2s',
        audit_hash: 'blake3',
        minimum_peer_profile: 'leading-edge',
      },
    );
  });

  it('has what an edge device sets, key by key', () => {
    const { global } = workplace.load({
      'etc/config.toml': `# config.toml for edge deployment
[global]
default_profile = "device"

[global.ipc]
channel_capacity = 64
slow_subscriber_timeout_ms = 2000

[global.logging]
level = "warn"       # Reduce log volume on constrained storage
json = true          # Structured output for remote collection
journald = false     # May not have journald on embedded systems
`,
    });
    assert.equal(global.default_profile, 'device');
    assert.equal(global.ipc.channel_capacity, 64);
    assert.equal(global.ipc.slow_subscriber_timeout_ms, 2000);
    assert.equal(global.logging.level, 'warn');
    assert.equal(global.logging.json, true);
    assert.equal(global.logging.journald, false);
  });

  it('accepts the sections of the desktop, says so and does not keep them', () => {
    const { configuration, diagnostics } = workplace.read({
      'etc/config.toml': `
config_version = 3
[agents.default]
agent_type = "human"
[extensions.policy]
require_signature = true
[profiles.default]
name = "default"
color = "#fff"
[profiles.default.wm.key_bindings.g]
apps = ["x"]
[profiles.default.launch_profiles.dev]
env = { A = "b" }
[profiles.default.clipboard]
max_history = 5
[profiles.default.audit]
enabled = true
[profiles.default.secrets]
provider = "x"
`,
    });
    assert.ok(diagnostics.every(({ severity }) => severity === 'info'));
    assert.deepEqual(
      diagnostics.map(({ line }) => line),
      [3, 5, 9, 10, 12, 14, 16, 19],
    );
    assert.deepEqual(Object.keys(configuration?.profiles['default'] ?? {}).sort(), ['auth', 'name', 'secrets']);
  });

  it('is frozen throughout and has no prototypes', () => {
    const configuration = workplace.load({ 'etc/config.toml': '[profiles.p.secrets.access]\na = ["x"]' });
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      assert.ok(Object.isFrozen(value));
      assert.ok(Array.isArray(value) || Object.getPrototypeOf(value) === null);
      Object.values(value).forEach(visit);
    };
    visit(configuration);
    assert.equal(configuration.profiles['toString'], undefined);
  });
});

describe('the layers', () => {
  const capacity = (value: number): string => `[global.ipc]\nchannel_capacity = ${value}\n`;

  it('hold in their order: defaults, config.toml, fragments by name', () => {
    const files = {
      'etc/config.toml': capacity(30),
      'etc/config.d/10-a.toml': capacity(40),
      'etc/config.d/9-b.toml': capacity(50),
    };
    const names = Object.keys(files);
    const expected = [128, 30, 40, 50];
    for (let count = 0; count <= names.length; count += 1) {
      const present = Object.fromEntries(Object.entries(files).slice(0, count));
      assert.equal(workplace.load(present).global.ipc.channel_capacity, expected[count], names.slice(0, count).join());
    }
  });

  it("hold the system's below the user's own", () => {
    const both = workplace.load({
      'system/config.toml': capacity(20),
      'system/config.d/a.toml': capacity(30),
      'etc/config.toml': capacity(40),
    });
    assert.equal(both.global.ipc.channel_capacity, 40);
    const system = workplace.load({ 'system/config.toml': capacity(20), 'system/config.d/a.toml': capacity(30) });
    assert.equal(system.global.ipc.channel_capacity, 30);
  });

  it('hold the rules of the device below everything a person writes', () => {
    const rules = (names: string) => `[profiles.p.secrets.access]\na = ${names}\n`;
    const files = { 'state/rules.toml': rules('["x"]'), 'system/config.toml': rules('["y"]') };
    assert.deepEqual(workplace.load(files).profiles['p']?.secrets.access['a'], ['y']);
  });

  it('join their tables and replace their lists', () => {
    const { profiles, global } = workplace.load({
      'state/rules.toml': '[profiles.p.secrets.access]\nadministrators = ["*"]\na = ["x", "y"]',
      'etc/config.toml': '[profiles.p.secrets.access]\na = ["z"]\n[global.logging]\njson = true',
      'etc/config.d/a.toml': '[global.logging]\nlevel = "debug"',
    });
    assert.deepEqual({ ...profiles['p']?.secrets.access }, { administrators: ['*'], a: ['z'] });
    assert.deepEqual([global.logging.json, global.logging.level], [true, 'debug']);
  });

  it('are those fragments whose names end in .toml and do not begin with a dot', () => {
    const files = { 'etc/config.d/a.toml.bak': 'x', 'etc/config.d/.b.toml': 'x', 'etc/config.d/c.conf': 'x' };
    assert.deepEqual(workplace.read(files).sources, []);
  });

  it('are listed in their order, the locks last', () => {
    const files = { 'etc/policy.toml': '', 'state/rules.toml': '', 'etc/config.toml': '', 'etc/config.d/a.toml': '' };
    const names = workplace.read(files).sources.map((path) => path.split('/').at(-1));
    assert.deepEqual(names, ['rules.toml', 'config.toml', 'a.toml', 'policy.toml']);
  });

  it('say where each setting in force is written', () => {
    const { originOf } = workplace.read({
      'etc/config.toml': '[crypto]\nkdf = "argon2id"\nhkdf = "blake3"\n',
      'etc/config.d/a.toml': '\n[crypto]\nhkdf = "blake3"\n',
      'etc/policy.toml': '[[policy]]\nkey = "crypto.kdf"\nvalue = "argon2id"\n',
    });
    const place = (...path: string[]): string | undefined => {
      const origin = originOf(path);
      return origin && `${origin.file.split('/').at(-1)}:${origin.line}`;
    };
    assert.equal(place('crypto', 'kdf'), 'policy.toml:2');
    assert.equal(place('crypto', 'hkdf'), 'a.toml:3');
    assert.equal(place('crypto', 'noise_hash'), undefined);
  });
});

describe('a profile that extends another', () => {
  it('has its settings where it has none of its own, through any number of steps', () => {
    const { profiles } = workplace.load({
      'etc/config.toml': `
[profiles.base]
name = "base"
auth = { mode = "policy", required = ["tpm"] }
secrets.access = { administrators = ["*"], daemon-x = ["a"] }
[profiles.middle]
extends = "base"
auth.additional_required = 1
[profiles.top]
extends = "middle"
secrets.access = { daemon-x = [] }
`,
    });
    const { auth, secrets, name } = profiles['top'] ?? assert.fail();
    assert.deepEqual({ ...auth }, { mode: 'policy', required: ['tpm'], additional_required: 1 });
    assert.deepEqual({ ...secrets.access }, { administrators: ['*'], 'daemon-x': [] });
    assert.equal(name, undefined);
    assert.equal(profiles['base']?.auth.additional_required, 0);
  });

  it('may choose a mode to which the inherited factors mean nothing', () => {
    const text = '[profiles.a.auth]\nmode = "policy"\nrequired = ["tpm"]\n[profiles.b]\nextends = "a"\nauth.mode = "all"';
    assert.equal(workplace.load({ 'etc/config.toml': text }).profiles['b']?.auth.mode, 'all');
  });
});

describe('a file that cannot be used', () => {
  it('is an error that names it', () => {
    const { configuration, diagnostics } = workplace.read({ 'etc/config.toml': '[global', 'etc/config.d/a.toml': 'x = 1' });
    assert.equal(configuration, undefined);
    assert.deepEqual(
      diagnostics.map(({ file, line }) => `${file.split('/').at(-1)}:${line}`),
      ['config.toml:1', 'a.toml:1'],
    );
  });

  it('is the error that ends a start, with exit code 14', () => {
    const paths = workplace.write({ 'etc/config.toml': '[global.ipc]\nchannel_capcity = 64\n' });
    assert.throws(
      () => loadConfiguration(paths),
      (thrown) => {
        assert.ok(thrown instanceof SesameError);
        assert.equal(thrown.exit, 14);
        assert.match(
          thrown.message,
          /config\.toml:2:1: \[global\.ipc\] has no setting channel_capcity; did you mean channel_capacity\?$/,
        );
        return true;
      },
    );
  });

  const cases: readonly (readonly [what: string, make: (path: string) => void, said: RegExp])[] = [
    ['a directory', (path) => mkdirSync(path), /cannot be used: it is not a regular file; put a text file/],
    ['a FIFO', (path) => void execFileSync('mkfifo', [path]), /cannot be used: it is not a regular file/],
    [
      'a symbolic link to itself',
      (path) => symlinkSync(path, path),
      /cannot be read: ELOOP.*; let the daemons read it, or remove it/,
    ],
  ];
  for (const [what, make, said] of cases) {
    it(`is named when it is ${what}`, () => {
      const paths = workplace.write({});
      make(join(paths.configuration, 'config.toml'));
      const [diagnostic] = readConfiguration(paths).diagnostics;
      assert.ok(diagnostic?.severity === 'error');
      assert.match(brief(diagnostic), said);
    });
  }

  it('is named when it is a file where fragments belong', () => {
    assert.match(workplace.read({ 'etc/config.d': 'x' }).diagnostics.map(brief).join(), /^1:1 error it cannot be read: ENOTDIR/);
  });

  it('is a warning only when the system keeps its settings from a user', () => {
    const paths = workplace.write({ 'system/policy.toml': '' });
    const path = join(paths.systemConfiguration ?? '', 'config.toml');
    symlinkSync(path, path);
    const { configuration, diagnostics } = readConfiguration(paths);
    assert.ok(configuration);
    assert.deepEqual(
      diagnostics.map(({ severity, file }) => [severity, file]),
      [['warning', path]],
    );
  });

  it('is refused when all together are too long', () => {
    const comment = `#${'x'.repeat(40_000)}\n`;
    assert.deepEqual(workplace.read({ 'etc/config.toml': comment }).diagnostics, []);
    const both = workplace.read({ 'etc/config.toml': comment, 'etc/config.d/a.toml': comment });
    assert.match(both.diagnostics.map(brief).join(), /with this file the configuration is longer than 65536 bytes/);
    assert.match(both.diagnostics[0]?.file ?? '', /a\.toml$/);
    const one = workplace.read({ 'etc/config.toml': comment.repeat(2) });
    assert.match(one.diagnostics.map(brief).join(), /^1:1 error it cannot be used: it is longer than 65536 bytes/);
  });
});
