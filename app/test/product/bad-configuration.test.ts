// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { longCampaign } from '../support/campaign.ts';
import { type DaemonName, Device, startDevice } from '../support/device.ts';
import { openToOthers, otherUsersMissing, sesameAs } from '../support/other-user.ts';

const daemons: readonly DaemonName[] = ['daemon-profile', 'daemon-secrets'];
const devices: Device[] = [];

function track(device: Device): Device {
  devices.push(device);
  return device;
}

afterEach(async () => {
  for (const device of devices.splice(0)) await device.dispose();
});

/** Content of configuration files by their name. */
type Files = Readonly<Record<string, string>>;

function write(device: Device, files: Files): void {
  mkdirSync(join(device.configurationDirectory, 'config.d'), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(device.configurationDirectory, name), content);
}

interface Mistake {
  readonly name: string;
  readonly files: Files;
  /** `FILE:LINE:COLUMN` without the directory, or the beginning of it. */
  readonly place: string;
  readonly says: RegExp;
}

const config = (text: string): Files => ({ 'config.toml': text });

const mistakes: readonly Mistake[] = [
  { name: 'is no TOML', files: config('[global]\n= 1\n'), place: 'config.toml:2:1', says: /./ },
  { name: 'ends within a string', files: config('[global]\ndefault_profile = "dev'), place: 'config.toml:2:', says: /./ },
  { name: 'is binary', files: config('\u{0}\u{1}\u{2}'), place: 'config.toml:1:', says: /./ },
  {
    name: 'has a key twice',
    files: config('[global]\ndefault_profile = "a"\ndefault_profile = "b"\n'),
    place: 'config.toml:3:',
    says: /./,
  },
  {
    name: 'misspells a section',
    files: config('config_version = 3\n[gobal]\ndefault_profile = "a"\n'),
    place: 'config.toml:2:2',
    says: /gobal.*did you mean.*global/,
  },
  {
    name: 'misspells a key',
    files: config('[global.ipc]\nchanel_capacity = 64\n'),
    place: 'config.toml:2:1',
    says: /chanel_capacity.*did you mean.*channel_capacity/,
  },
  {
    name: 'misspells a value',
    files: config('[crypto]\nkdf = "argon2"\n'),
    place: 'config.toml:2:1',
    says: /argon2id/,
  },
  {
    name: 'has a number where a text belongs',
    files: config('[global]\ndefault_profile = 5\n'),
    place: 'config.toml:2:1',
    says: /string|text/,
  },
  {
    name: 'has a number beyond its limit',
    files: config('[global.rate_limit]\nburst = 0\n'),
    place: 'config.toml:2:1',
    says: /1/,
  },
  {
    name: 'has a profile whose name is a path',
    files: config('[profiles."../etc"]\n'),
    place: 'config.toml:1:11',
    says: /letters, digits/,
  },
  {
    name: 'has a version from the future',
    files: config('config_version = 4\n'),
    place: 'config.toml:1:1',
    says: /3/,
  },
  {
    name: 'has a client that could be anybody',
    files: config('[clients.open]\nclearance = "secrets-only"\n'),
    place: 'config.toml:1:',
    says: /could be anybody; add at least one of/,
  },
  {
    name: 'has a client with the name of a daemon',
    files: config('[clients.daemon-secrets]\nuid = 5\n'),
    place: 'config.toml:1:',
    says: /reserved for daemons/,
  },
  {
    name: 'has two clients that are the same',
    files: { 'config.toml': '[clients.one]\nuid = 5\n', 'config.d/two.toml': '\n[clients.two]\nuid = 5\n' },
    place: 'config.d/two.toml:2:',
    says: /clients one and two have the same uid/,
  },
  {
    name: 'has a policy of factors that requires none',
    files: config('[profiles.device.auth]\nmode = "policy"\n'),
    place: 'config.toml:2:1',
    says: /requires no factor/,
  },
  {
    name: 'contradicts itself about factors',
    files: config('[profiles.device.auth]\nmode = "any"\nrequired = ["tpm"]\n'),
    place: 'config.toml:3:',
    says: /mode "policy" only/,
  },
  {
    name: 'has a profile that extends itself',
    files: config('[profiles.a]\nextends = "a"\n'),
    place: 'config.toml:2:',
    says: /extends/,
  },
  {
    name: 'has profiles that extend each other in a circle',
    files: config('[profiles.a]\nextends = "b"\n[profiles.b]\nextends = "c"\n[profiles.c]\nextends = "a"\n'),
    place: 'config.toml:2:',
    says: /a.*b.*c|circle/,
  },
  {
    name: 'has a profile that extends one that there is not',
    files: config('[profiles.devce]\n[profiles.b]\nextends = "device"\n'),
    place: 'config.toml:3:',
    says: /device.*did you mean.*devce/,
  },
  {
    name: 'is right, but a fragment is not',
    files: { 'config.toml': '[global]\n', 'config.d/50-site.toml': '# of the site\n[global]\nfoo = 1\n' },
    place: 'config.d/50-site.toml:3:1',
    says: /foo/,
  },
  {
    name: 'is right, but its policy locks a key that there is not',
    files: { 'policy.toml': '[[policy]]\nkey = "global.loging.level"\nvalue = "warn"\n' },
    place: 'policy.toml:2:',
    says: /loging.*did you mean.*logging/,
  },
  {
    name: 'is right, but its policy locks a key to a value that cannot be',
    files: { 'policy.toml': '[[policy]]\nkey = "global.logging.level"\nvalue = "loud"\n' },
    place: 'policy.toml:2:',
    says: /level/,
  },
  {
    name: 'is right, but its policy is no TOML',
    files: { 'policy.toml': '[[policy]\n' },
    place: 'policy.toml:1:',
    says: /./,
  },
];

async function isRefused(device: Device, place: string, says: RegExp): Promise<void> {
  const full = join(device.configurationDirectory, place);
  const check = await device.sesame(['config', 'check']);
  assert.equal(check.code, 14, check.stdout.toString());
  const line = check.stdout
    .toString()
    .split('\n')
    .find((text) => text.startsWith(full));
  assert.ok(line !== undefined, `${full} in ${check.stdout}`);
  assert.match(line.slice(full.length), says);
  assert.match(line, /; \S/, 'it says what to do');
}

async function refusesToStart(device: Device, place: string): Promise<void> {
  const full = join(device.configurationDirectory, place);
  for (const name of daemons) device.launch(name);
  for (const name of daemons) await device.eventually(`${name} gives up`, () => !device.running(name));
  for (const name of daemons) {
    assert.equal(await device.end(name), 14, device.log(name));
    assert.ok(device.log(name).includes(full), `${name} names the place: ${device.log(name)}`);
  }
}

describe('a configuration that', () => {
  for (const { name, files, place, says } of mistakes) {
    it(`${name} is refused with exit 14, its place, what is wrong and what to write instead`, async () => {
      const device = track(new Device());
      write(device, files);
      await isRefused(device, place, says);
    });
  }

  // The daemons read it as the command does: a sample of the mistakes shows it.
  for (const { name, files, place } of mistakes.filter((_, index) => longCampaign || index % 8 === 5)) {
    it(`${name} keeps both daemons from starting, with exit 14 and the place`, async () => {
      const device = track(new Device());
      write(device, files);
      await refusesToStart(device, place);
    });
  }

  it('is a directory keeps both daemons from starting, with exit 14', async () => {
    const device = track(new Device());
    mkdirSync(join(device.configurationDirectory, 'config.toml'));
    await isRefused(device, 'config.toml:1:1', /cannot be (read|used)/);
    await refusesToStart(device, 'config.toml:1:1');
  });

  it('is a link in a circle keeps both daemons from starting, with exit 14', async () => {
    const device = track(new Device());
    symlinkSync('config.toml', join(device.configurationDirectory, 'config.toml'));
    await isRefused(device, 'config.toml:1:1', /cannot be read/);
    await refusesToStart(device, 'config.toml:1:1');
  });

  it('its reader may not read is refused with exit 14', { skip: otherUsersMissing }, async () => {
    const device = track(new Device('[global]\n'));
    openToOthers(device);
    chmodSync(device.configurationDirectory, 0o755);
    chmodSync(join(device.configurationDirectory, 'config.toml'), 0o600);
    const { code, stdout } = await sesameAs(device, { uid: 65_534 }, ['config', 'check']);
    assert.equal(code, 14);
    assert.match(stdout.toString(), /config\.toml:1:1: it cannot be read: .*; let the daemons read it/);
  });

  it('is huge keeps both daemons from starting, with exit 14', async () => {
    const device = track(new Device(`# ${'x'.repeat(20_000_000)}\n`));
    await isRefused(device, 'config.toml:1:1', /cannot be used|longer/);
    await refusesToStart(device, 'config.toml:1:1');
  });

  it('has sections of the desktop starts, and says that they have no effect', async () => {
    const device = track(await startDevice('[profiles.device.launcher]\nanything = true\n[agents]\nx = 1\n'));
    const { code, stdout } = await device.sesame(['config', 'check']);
    assert.equal(code, 0);
    assert.match(stdout.toString(), /launcher|agents/);
  });
});

describe('a lock of policy.toml', () => {
  const lock = '[[policy]]\nkey = "global.rate_limit.burst"\nvalue = 7\nsource = "the security office"\n';

  it('holds against every file, and names the one that it overrules', async () => {
    const device = track(new Device('[global.rate_limit]\nburst = 100\n'));
    write(device, { 'policy.toml': lock, 'config.d/90-last.toml': '[global]\nrate_limit.burst = 200\n' });
    const shown = JSON.parse((await device.must(['config', 'show', '--json'])).toString());
    assert.equal(JSON.stringify(shown).includes('"burst":7'), true, JSON.stringify(shown.global ?? shown));
    const check = await device.sesame(['config', 'check']);
    assert.equal(check.code, 0, 'a warning is no error');
    for (const place of ['config.toml:2:', 'config.d/90-last.toml:2:'])
      assert.match(check.stdout.toString(), new RegExp(`${place}.*warning: .*burst.*locked by .*the security office`));
  });

  it('holds for the daemons as they run', async () => {
    const free = track(await startDevice('[global.logging]\nlevel = "info"\n'));
    assert.match(free.log('daemon-secrets'), /ready/);
    const locked = track(new Device('[global.logging]\nlevel = "info"\n'));
    write(locked, { 'policy.toml': '[[policy]]\nkey = "global.logging.level"\nvalue = "error"\n' });
    await locked.start();
    assert.doesNotMatch(locked.log('daemon-secrets'), /ready/);
  });
});

describe('a daemon whose configuration becomes bad while it runs', () => {
  for (const signal of [true, false]) {
    it(`keeps the old one and says so, ${signal ? 'on SIGHUP' : 'by itself'}, and takes the next good one`, async () => {
      const device = track(await startDevice('[global]\ndefault_profile = "before"\n'));
      const file = join(device.configurationDirectory, 'config.toml');
      const change = (text: string): void => {
        writeFileSync(file, text);
        if (signal) for (const name of daemons) process.kill(device.pid(name), 'SIGHUP');
      };
      const status = async () => JSON.parse((await device.must(['status', '--json'])).toString());
      change('[global]\ndefault_profile = "after"\nmistake = 1\n');
      for (const name of daemons)
        await device.eventually(`${name} reports the mistake`, () => device.log(name).includes(`${file}:3:1`));
      const during = await status();
      assert.equal(during.default_profile, 'before', 'nothing of the bad file is in force');
      assert.match(JSON.stringify(during), /mistake/, 'status shows what is wrong');
      change('[global]\ndefault_profile = "after"\n');
      await device.eventually('the good one is in force', async () => (await status()).default_profile === 'after');
      assert.doesNotMatch(JSON.stringify(await status()), /mistake/);
    });
  }

  it('makes no vault, whose rules and policy could not come into force, until it is corrected', async () => {
    const device = track(await startDevice());
    write(device, { 'config.toml': 'mistake = 1\n' });
    const words = ['init', '-p', 'device', '--password-stdin', '--no-recovery-key'];
    const refused = await device.sesame(words, 'a password\n');
    assert.equal(refused.code, 14, refused.stderr);
    assert.match(refused.stderr, /config\.toml:1:1: .*mistake/);
    assert.deepEqual(
      ['rules.toml', 'vaults/device.db'].filter((name) => existsSync(join(device.stateDirectory, name))),
      [],
    );
    rmSync(join(device.configurationDirectory, 'config.toml'));
    await device.must(words, 'a password\n');
  });

  it('goes on when the file is replaced by a directory, and when all is removed', async () => {
    const device = track(await startDevice('[global]\ndefault_profile = "before"\n'));
    const file = join(device.configurationDirectory, 'config.toml');
    rmSync(file);
    mkdirSync(file);
    for (const name of daemons) process.kill(device.pid(name), 'SIGHUP');
    await device.eventually('the mistake is reported', () => device.log('daemon-profile').includes('cannot be'));
    const status = async () => JSON.parse((await device.must(['status', '--json'])).toString());
    assert.equal((await status()).default_profile, 'before');
    rmSync(device.configurationDirectory, { recursive: true });
    for (const name of daemons) process.kill(device.pid(name), 'SIGHUP');
    await device.eventually('the defaults are in force', async () => (await status()).default_profile === 'default');
  });
});
