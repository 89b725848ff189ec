// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { BusClient } from '../../src/bus/client.ts';
import { longCampaign, rounds, seededRandom } from '../support/campaign.ts';
import { connectClient, failureOf, readSecret } from '../support/client.ts';
import { type Device, password, startDevice } from '../support/device.ts';

let device: Device;

before(async () => {
  device = await startDevice();
  await device.initialise();
});

after(() => device.dispose());

const set = (name: string, value: string | Uint8Array = 'value') => device.sesame(['secret', 'set', '-p', 'device', name], value);
const get = (name: string) => device.sesame(['secret', 'get', '-p', 'device', name]);

async function withClient<Result>(work: (client: BusClient) => Promise<Result>): Promise<Result> {
  const client = await connectClient(device);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

async function names(): Promise<string[]> {
  const { body } = await withClient((client) => client.request('secret-list', { profile: 'device', limit: 256 }));
  return body.entries.map(({ name }) => name);
}

/** Everything under the directories of the device, so that a file that a name has put somewhere shows. */
const files = () =>
  readdirSync(device.home, { recursive: true })
    .map(String)
    .filter((name) => !/-(wal|shm)$/.test(name))
    .sort();

describe('a value', () => {
  for (const [name, value] of Object.entries({
    'of no bytes': Buffer.alloc(0),
    'of one NUL byte': Buffer.alloc(1),
    'of 64 KiB less one byte': randomBytes(65_535),
    'of 64 KiB': randomBytes(65_536),
    'that is not UTF-8': Buffer.from([0xff, 0xfe, 0xc0, 0xaf, 0xed, 0xa0, 0x80, 0x0a]),
    'that ends with newlines': Buffer.from('text\n\n'),
    'that begins with a byte order mark': Buffer.from('\u{feff}text\r\n'),
  })) {
    it(`${name} comes back byte for byte`, async () => {
      assert.equal((await set('a name', value)).code, 0);
      const result = await get('a name');
      assert.equal(result.code, 0, result.stderr);
      assert.deepEqual(result.stdout, value);
      assert.equal(result.stderr, '');
    });
  }

  for (const length of [65_537, 1_000_000]) {
    it(`of ${length} bytes is refused with exit 2, and nothing is stored or replaced`, async () => {
      await device.must(['secret', 'set', '-p', 'device', 'replaced?'], 'kept');
      for (const name of ['too long', 'replaced?']) {
        const { code, stdout, stderr } = await set(name, Buffer.alloc(length, 0x61));
        assert.equal(code, 2, stderr);
        assert.match(stderr, /^sesame: the value has .* bytes and a secret holds at most 65536/);
        assert.equal(stdout.length, 0);
      }
      assert.equal((await get('replaced?')).stdout.toString(), 'kept');
      assert.equal((await get('too long')).code, 6);
    });
  }

  it('of 64 KiB and one byte is refused by the daemon too, when a program sends it past the command', async () => {
    await withClient(async (client) => {
      const request = client.request('secret-set', { profile: 'device', name: 'too long' }, Buffer.alloc(65_537));
      assert.equal(await failureOf(request), 'value-too-long');
    });
    assert.equal((await get('too long')).code, 6);
  });

  it('of any bytes and length comes back byte for byte', async (context) => {
    const random = seededRandom();
    context.diagnostic(`seed ${random.seed}`);
    for (let round = 0; round < rounds(3, 200); round += 1) {
      const value = randomBytes(random.below(65_537));
      assert.equal((await set('any', value)).code, 0);
      assert.deepEqual((await get('any')).stdout, value, `seed ${random.seed}, ${value.length} bytes`);
    }
  });
});

const goodNames = [
  '../../../etc/passwd',
  '..',
  '.',
  '/',
  '//',
  'a/../b',
  '~',
  '-',
  'a b',
  ' ',
  '$(id)',
  "'; DROP TABLE secrets; --",
];
const moreGoodNames = [
  '%',
  '_',
  '%s',
  '\\',
  'x'.repeat(256),
  '\u{2603}'.repeat(85),
  '\u{1f600}',
  '\u{202e}txt',
  'e\u{301}',
  '\u{e9}',
];

describe('the name of a secret', () => {
  it('is a name and nothing else: one that traverses paths, or looks like SQL or a shell\u2019s, is stored as it is', async () => {
    const before = files();
    const all = [...goodNames, ...moreGoodNames];
    for (const name of all.filter((_, index) => longCampaign || index < 4)) {
      const result = await device.sesame(['secret', 'set', '-p', 'device', '--', name], 'by the command');
      assert.equal(result.code, 0, `${JSON.stringify(name)}: ${result.stderr}`);
      const read = await device.must(['secret', 'get', '-p', 'device', '--', name]);
      assert.equal(read.toString(), 'by the command', JSON.stringify(name));
    }
    await withClient(async (client) => {
      for (const name of all) await client.request('secret-set', { profile: 'device', name }, Buffer.from(`value of ${name}`));
      for (const name of all) assert.equal((await readSecret(client, 'device', name)).toString(), `value of ${name}`);
    });
    const stored = await names();
    for (const name of all) assert.ok(stored.includes(name), JSON.stringify(name));
    assert.deepEqual(files(), before, 'no file came of any name');
    assert.ok(!existsSync(join(device.home, 'etc/passwd')));
  });

  const refused: readonly [why: string, name: string][] = [
    ['is empty', ''],
    ['has 257 bytes', 'x'.repeat(257)],
    ['has 258 bytes in 86 characters', '\u{2603}'.repeat(86)],
    ['has 100,000 bytes', 'x'.repeat(100_000)],
    ['holds a newline', 'a\nb'],
    ['holds an escape sequence', '\u{1b}[31mred'],
    ['holds a tab', 'a\tb'],
    ['holds DEL', 'a\u{7f}'],
    ['holds a control character of C1', 'a\u{9b}31m'],
  ];
  for (const [why, name] of refused) {
    it(`that ${why} is refused with exit 2, and shown without what it holds`, async () => {
      const before = await names();
      const { code, stdout, stderr } = await device.sesame(['secret', 'set', '-p', 'device', '--', name], 'value');
      assert.equal(code, 2, stderr);
      assert.match(stderr, /the secret name .* is not allowed/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not reach the terminal
      assert.doesNotMatch(stderr.trimEnd(), /[\u0000-\u001f\u007f-\u009f]/);
      assert.ok(stderr.length < 1000, 'a long name does not fill the screen');
      assert.equal(stdout.length, 0);
      assert.deepEqual(await names(), before);
    });
  }

  it('that is not allowed is refused by the daemon too, when a program sends it past the command', async () => {
    await withClient(async (client) => {
      for (const name of ['', 'a\u{0}b', 'a\nb', 'x'.repeat(257), '\u{2603}'.repeat(86)]) {
        const code = await failureOf(client.request('secret-set', { profile: 'device', name }, Buffer.from('value')));
        assert.equal(code, 'secret-name-invalid', JSON.stringify(name));
      }
      for (const name of ['x'.repeat(1025), 'x'.repeat(100_000)]) {
        const code = await failureOf(client.request('secret-set', { profile: 'device', name }, Buffer.from('value')));
        assert.equal(code, 'message-invalid', `${name.length} characters`);
      }
    });
    assert.equal((await device.sesame(['status', '--json'])).code, 0, 'the daemons stay up');
  });
});

describe('the name of a profile', () => {
  const refused = [
    '',
    '.',
    '..',
    '../device',
    'a/b',
    '/etc',
    '-a',
    '_a',
    'a.b',
    'a b',
    'a\nb',
    '\u{1b}[31m',
    'x'.repeat(65),
    'gr\u{fc}n',
    '~',
  ];

  const commands = [
    ['init', '--password-stdin', '--no-recovery-key'],
    ['unlock', '--password-stdin'],
    ['secret', 'get', 'name'],
  ];

  for (const [index, name] of refused.entries()) {
    it(`${JSON.stringify(name).slice(0, 40)} is refused with exit 2, and nothing is made`, async () => {
      const before = files();
      for (const words of commands.filter((_, command) => longCampaign || command === index % commands.length)) {
        const { code, stderr } = await device.sesame([...words, `--profile=${name}`], `${password}\n`);
        assert.equal(code, 2, `${words.join(' ')}: ${stderr}`);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not reach the terminal
        assert.doesNotMatch(stderr.trimEnd(), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
      }
      assert.deepEqual(files(), before);
    });
  }

  it('may be as long as 64 characters', async () => {
    const longest = `9${'x-_'.repeat(21)}`;
    assert.equal(longest.length, 64);
    await device.initialise(longest);
    await device.must(['secret', 'set', '-p', longest, 'name'], 'value');
    assert.equal((await device.must(['secret', 'get', '-p', longest, 'name'])).toString(), 'value');
  });

  it('that is not allowed is refused by the daemons too, when a program sends it past the command', async () => {
    const before = files();
    await withClient(async (client) => {
      for (const profile of ['..', '../device', 'a/b', '', 'x'.repeat(65)]) {
        const codes = [
          client.request('vault-init', { profile, evidence: [], policy: 'any', recovery_key: false }),
          client.request('installation-init', { profile }),
          client.request('profile-activate', { profile }),
          client.request('secret-get', { profile, name: 'name' }),
          client.request('vault-lock', { profile }),
        ].map(failureOf);
        assert.deepEqual(new Set(await Promise.all(codes)), new Set(['message-invalid']), JSON.stringify(profile));
      }
    });
    assert.deepEqual(files(), before);
  });
});
