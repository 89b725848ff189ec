// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { rounds, seededRandom } from '../support/campaign.ts';
import { type Device, password, startDevice } from '../support/device.ts';

const profile = 'device';
const secret = 'the value of a secret';

interface Damage {
  readonly name: string;
  readonly file: string;
  /** The new content, or undefined to remove the file. */
  readonly change: (bytes: Buffer, device: Device) => Buffer | undefined;
  /** The exit code of `unlock`. */
  readonly exit: number;
  /** What the message must say besides the file's name. */
  readonly message: RegExp;
}

const readOther = (device: Device, suffix: string) => readFileSync(join(device.stateDirectory, 'vaults', `other.${suffix}`));

const damages: readonly Damage[] = [
  { name: 'the salt is missing', file: 'salt', change: () => undefined, exit: 11, message: /missing/ },
  { name: 'the salt has 15 bytes', file: 'salt', change: (bytes) => bytes.subarray(1), exit: 11, message: /instead of 16/ },
  {
    name: 'the salt has 17 bytes',
    file: 'salt',
    change: (bytes) => Buffer.concat([bytes, bytes.subarray(0, 1)]),
    exit: 11,
    message: /instead of 16/,
  },
  { name: 'the salt is another one', file: 'salt', change: () => randomBytes(16), exit: 8, message: /password does not open/ },
  {
    name: 'the password wrap is truncated',
    file: 'password-wrap',
    change: (bytes) => bytes.subarray(0, 60),
    exit: 11,
    message: /61|60/,
  },
  { name: 'the password wrap is empty', file: 'password-wrap', change: () => Buffer.alloc(0), exit: 11, message: /damaged/ },
  {
    name: 'the password wrap has a newer version',
    file: 'password-wrap',
    change: (bytes) => Buffer.concat([Buffer.from([2]), bytes.subarray(1)]),
    exit: 11,
    message: /version 2/,
  },
  {
    name: 'the password wrap is foreign',
    file: 'password-wrap',
    change: () => Buffer.concat([Buffer.from([1]), randomBytes(60)]),
    exit: 8,
    message: /password does not open/,
  },
  {
    name: 'the metadata is no JSON',
    file: 'vault-meta',
    change: () => Buffer.from('{"version": 1,'),
    exit: 11,
    message: /damaged/,
  },
  {
    name: 'the metadata has a newer version',
    file: 'vault-meta',
    change: (bytes) => Buffer.from(bytes.toString().replace(/"version": ?1/, '"version": 2')),
    exit: 11,
    message: /version 2/,
  },
  { name: 'the metadata is a list', file: 'vault-meta', change: () => Buffer.from('[]'), exit: 11, message: /damaged/ },
  { name: 'the database is missing', file: 'db', change: () => undefined, exit: 11, message: /missing/ },
  { name: 'the database is empty', file: 'db', change: () => Buffer.alloc(0), exit: 11, message: /damaged|opens? / },
  {
    name: 'the database is cut off within its first page',
    file: 'db',
    change: (bytes) => bytes.subarray(0, 1000),
    exit: 11,
    message: /damaged|opens? /,
  },
  {
    name: 'the database is that of another profile',
    file: 'db',
    change: (_, device) => readOther(device, 'db'),
    exit: 11,
    message: /belongs to another profile/,
  },
];

describe('a vault whose files were damaged while it was locked', () => {
  let device: Device;

  before(async () => {
    device = await startDevice();
    for (const name of [profile, 'other']) await device.initialise(name);
    await device.must(['secret', 'set', '-p', profile, 'name'], secret);
    for (let count = 0; count < 60; count += 1)
      await device.must(['secret', 'set', '-p', profile, `many/${count}`], randomBytes(900));
    await device.must(['lock']);
  });

  after(() => device.dispose());

  const path = (suffix: string) => join(device.stateDirectory, 'vaults', `${profile}.${suffix}`);
  const unlock = () => device.sesame(['unlock', '-p', profile, '--password-stdin'], `${password}\n`);

  /** Damages a file, runs, and puts everything back. */
  async function damaged(file: string, change: (bytes: Buffer) => Buffer | undefined, run: () => Promise<void>): Promise<void> {
    const original = readFileSync(path(file));
    const content = change(Buffer.from(original));
    if (content === undefined) rmSync(path(file));
    else writeFileSync(path(file), content, { mode: 0o600 });
    try {
      await run();
    } finally {
      await device.sesame(['lock', '-p', profile]);
      writeFileSync(path(file), original, { mode: 0o600 });
      for (const suffix of ['db-wal', 'db-shm']) rmSync(path(suffix), { force: true });
    }
  }

  for (const { name, file, change, exit, message } of damages) {
    it(`is refused with the cause when ${name}, and nothing is overwritten`, async () => {
      await damaged(
        file,
        (bytes) => change(bytes, device),
        async () => {
          const before = existsSync(path(file)) ? readFileSync(path(file)) : undefined;
          const result = await unlock();
          assert.equal(result.code, exit, result.stderr);
          assert.match(result.stderr, message);
          if (exit === 11) assert.match(result.stderr, new RegExp(`${profile}\\.${file}|profile ${profile}`));
          assert.deepEqual(existsSync(path(file)) ? readFileSync(path(file)) : undefined, before);
          assert.equal((await device.sesame(['status', '--json'])).code, 0, 'the daemons stay up');
        },
      );
      await new Promise((resolve) => setTimeout(resolve, 0));
    });

    it(`opens again when the file is back after: ${name}`, async () => {
      await device.eventually('the delay after failures is over', async () => (await unlock()).code === 0, 30_000);
      assert.equal((await device.must(['secret', 'get', '-p', profile, 'name'])).toString(), secret);
      await device.must(['lock', '-p', profile]);
    });
  }

  it('never gives a wrong value when one bit is flipped anywhere in the database', async (context) => {
    const random = seededRandom();
    const flips = rounds(20, 400);
    const outcomes = new Map<string, number>();
    for (let flip = 0; flip < flips; flip += 1) {
      const size = readFileSync(path('db')).length;
      const position = random.below(size);
      await damaged(
        'db',
        (bytes) => {
          bytes.writeUInt8(bytes.readUInt8(position) ^ (1 << random.below(8)), position);
          return bytes;
        },
        async () => {
          const unlocked = await unlock();
          const read = unlocked.code === 0 ? await device.sesame(['secret', 'get', '-p', profile, 'name']) : unlocked;
          assert.ok(
            read.code === 11 || (read.code === 0 && read.stdout.toString() === secret),
            `seed ${random.seed}, byte ${position}: ${read.stderr}`,
          );
          outcomes.set(`exit ${read.code}`, (outcomes.get(`exit ${read.code}`) ?? 0) + 1);
          assert.equal((await device.sesame(['status', '--json'])).code, 0, 'the daemons stay up');
        },
      );
    }
    context.diagnostic(`seed ${random.seed}: ${[...outcomes].map(([outcome, times]) => `${times} × ${outcome}`).join(', ')}`);
  });
});
