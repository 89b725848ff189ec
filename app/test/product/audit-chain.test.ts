// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { oracle } from '../crypto/oracle.ts';
import { connectClient, failureOf } from '../support/client.ts';
import { Device, password, type Result, startDevice } from '../support/device.ts';
import { shiftedClock } from '../support/shifted-clock.ts';

const chainOf = (device: Device) => join(device.stateDirectory, 'audit.jsonl');

/** The chain by Python and the b3sum command: each line names the hash of the one before. Answers how many lines there are. */
function verifyByHand(path: string): number {
  const script = `
import json, subprocess, sys, tempfile, os
lines = open(sys.argv[1], 'rb').read().split(b'\\n')
assert lines.pop() == b'', 'the last line ends'
with tempfile.TemporaryDirectory() as place:
    names = [os.path.join(place, str(number)) for number in range(len(lines))]
    for name, line in zip(names, lines): open(name, 'wb').write(line)
    hashes = subprocess.run(['b3sum', '--no-names', *names], capture_output=True, check=True, text=True).stdout.split()
entries = [json.loads(line) for line in lines]
for number, entry in enumerate(entries):
    assert entry['prev_hash'] == ('' if number == 0 else hashes[number - 1]), f'line {number + 1}'
    assert entry['sequence'] == number + 1, f'line {number + 1}'
print(len(entries))
`;
  return Number(oracle('python3', 'python3', ['-c', script, path], Buffer.alloc(0)).toString());
}

interface Entry {
  readonly sequence: number;
  readonly timestamp_ms: number;
  readonly action: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly boot: number;
  readonly monotonic_ms: number;
  readonly repeated?: number;
  readonly recovery?: Readonly<Record<string, unknown>>;
}

function entriesOf(device: Device): Entry[] {
  return readFileSync(chainOf(device), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line): Entry => JSON.parse(line));
}

/** `unlock password success` for each entry about secrets, vaults and factors. */
function operationsOf(device: Device): string[] {
  return entriesOf(device).flatMap(({ action: { SecretOperationAudited: operation } }) => {
    if (operation === undefined) return [];
    const { action, key, outcome } = operation;
    return [[action, ...(key === null ? [] : [key]), outcome].join(' ')];
  });
}

/** Names of all other entries. */
const othersOf = (device: Device) =>
  entriesOf(device)
    .flatMap(({ action }) => Object.keys(action))
    .filter((name) => name !== 'SecretOperationAudited');

const verify = (device: Device) => device.sesame(['audit', 'verify', '--json']);

/** Reads are written within a second. */
async function settled(device: Device, operation: string): Promise<void> {
  await device.eventually(`an entry says: ${operation}`, () => operationsOf(device).includes(operation));
}

describe('the audit chain', () => {
  let device: Device;

  before(async () => {
    device = await startDevice();
    await device.must(['init', '-p', 'device', '--password-stdin', '--no-recovery-key'], `${password}\n`);
  });

  after(() => device.dispose());

  it('has an entry for everything that is done with vaults, secrets and factors, with its outcome and in its order', async () => {
    const steps: readonly [words: string, input: string, exit: number, entries: readonly string[]][] = [
      ['unlock --password-stdin', 'wrong\n', 8, ['unlock password authentication-failed']],
      ['secret get name', '', 4, ['get name locked']],
      ['unlock --password-stdin', `${password}\n`, 0, ['unlock password success']],
      ['secret set name', 'value', 0, ['set name attempted', 'set name success']],
      ['secret set name', 'another', 0, ['set name attempted', 'set name success']],
      ['secret get name', '', 0, ['get name success']],
      ['secret get absent', '', 6, []],
      ['secret list', '', 0, ['list success']],
      ['export --format json', '', 0, ['environment success']],
      ['secret delete absent', '', 6, []],
      ['secret delete name', '', 0, ['delete name attempted', 'delete name success']],
      ['factor add recovery', '', 0, ['factor-add recovery attempted', 'factor-add recovery success']],
      ['factor add recovery', '', 7, ['factor-add recovery attempted', 'factor-add recovery failed']],
      ['rekey --password-stdin --drop recovery', `${password}\n`, 0, ['rekey attempted', 'rekey success']],
      ['rekey --password-stdin', 'wrong\n', 8, ['rekey attempted', 'rekey failed']],
      ['factor remove password', '', 2, ['factor-remove password attempted', 'factor-remove password failed']],
      ['lock', '', 0, ['lock success']],
      ['lock', '', 0, []],
    ];
    for (const [words, input, exit] of steps) {
      const [first = '', ...rest] = words.split(' ');
      const command = ['secret', 'factor'].includes(first) ? [first, ...rest.splice(0, 1)] : [first];
      const result = await device.sesame([...command, '-p', 'device', ...rest], input);
      assert.equal(result.code, exit, `${words}: ${result.stderr}`);
    }
    await settled(device, 'lock success');
    const expected = ['vault-init attempted', 'vault-init success', ...steps.flatMap(([, , , entries]) => entries)];
    const isNotFound = (operation: string) => operation.endsWith(' not-found');
    assert.deepEqual(
      operationsOf(device).filter((operation) => !isNotFound(operation)),
      expected,
    );
    // Many of these in one second share an entry, which comes when the second is over.
    const notFound = () =>
      entriesOf(device)
        .filter(({ action: { SecretOperationAudited: operation } }) => operation?.['outcome'] === 'not-found')
        .reduce((sum, { repeated = 1 }) => sum + repeated, 0);
    await device.eventually('what was not found has its entries', () => notFound() === 2);
  });

  it('has an entry for each change of profiles', async () => {
    const before = othersOf(device);
    assert.deepEqual(before.slice(0, 2), ['InstallationCreated', 'ProfileActivated']);
    await device.must(['profile', 'deactivate', 'device']);
    await device.must(['profile', 'activate', 'device']);
    await device.must(['profile', 'default', 'device']);
    assert.equal((await device.sesame(['profile', 'activate', 'nowhere'])).code, 6);
    const expected = ['ProfileDeactivated', 'ProfileActivated', 'DefaultProfileChanged', 'ProfileActivationFailed'];
    assert.deepEqual(othersOf(device).slice(before.length), expected);
  });

  it('has entries for the rotation of a key', async () => {
    await device.must(['keys', 'rotate', 'bus']);
    await device.eventually('the rotation is in the chain', () => othersOf(device).includes('KeyRotationStarted'));
  });

  it('names the requester, and never holds a value', () => {
    const text = readFileSync(chainOf(device), 'utf8');
    for (const secret of [password, '"value"', '"another"']) assert.ok(!text.includes(secret));
    assert.match(text, /"requester_name":"administrators"/);
    assert.match(text, new RegExp(`"requester_uid":${process.getuid?.()}`));
  });

  it('verifies by Python and b3sum as it does by sesame, with and without the daemons', async () => {
    await device.eventually(
      'nothing is under way',
      async () => JSON.parse((await verify(device)).stdout.toString()).head === 'matches',
    );
    const report = JSON.parse((await verify(device)).stdout.toString());
    assert.equal(verifyByHand(chainOf(device)), report.entries);
    assert.deepEqual([report.first, report.last, report.hash], [1, report.entries, 'blake3']);
    assert.equal(report.attestation, 'self-attested');
    const alone = await withoutDaemons(chainOf(device), '--json');
    assert.equal(JSON.parse(alone.stdout.toString()).entries, report.entries);
  });
});

/** `audit verify --path` where there is no daemon, no state and a configuration that cannot be read. */
async function withoutDaemons(path: string, ...options: string[]): Promise<Result> {
  const elsewhere = new Device('this is [no configuration');
  try {
    return await elsewhere.sesame(['audit', 'verify', '--path', path, ...options]);
  } finally {
    await elsewhere.dispose();
  }
}

const edit = (path: string, change: (lines: string[]) => void) => {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  change(lines);
  writeFileSync(path, `${lines.join('\n')}\n`);
};

interface Tampering {
  readonly name: string;
  readonly change: (path: string) => void;
  /** What a verification of the file alone says, by exit code and text: it knows no head. */
  readonly alone: readonly [exit: number, text: RegExp];
  /** The same for a verification by the daemon after a restart. */
  readonly afterwards: readonly [exit: number, text: RegExp];
}

const tamperings: readonly Tampering[] = [
  {
    name: 'a line in the middle was edited',
    change: (path) =>
      edit(path, (lines) => {
        lines[3] = String(lines[3]).replace('"timestamp_ms":1', '"timestamp_ms":2');
      }),
    alone: [11, /line 5/],
    afterwards: [11, /line 5/],
  },
  {
    name: 'a line in the middle was removed',
    change: (path) => edit(path, (lines) => lines.splice(3, 1)),
    alone: [11, /line 4/],
    afterwards: [11, /line 4/],
  },
  {
    name: 'two lines changed places',
    change: (path) => edit(path, (lines) => lines.splice(3, 2, String(lines[4]), String(lines[3]))),
    alone: [11, /line 4/],
    afterwards: [11, /line 4/],
  },
  {
    name: 'the last three lines were cut off',
    change: (path) => edit(path, (lines) => lines.splice(-3)),
    alone: [0, /verify/],
    afterwards: [11, /tail was cut off or the file was replaced/],
  },
  {
    name: 'the file was emptied',
    change: (path) => truncateSync(path, 0),
    alone: [0, /entries 0/],
    afterwards: [11, /tail was cut off or the file was replaced/],
  },
  {
    name: 'the file was removed',
    change: (path) => rmSync(path),
    alone: [12, /audit\.jsonl/],
    afterwards: [11, /tail was cut off or the file was replaced/],
  },
  {
    name: 'the file was replaced by an older copy of itself',
    change: (path) => copyFileSync(`${path}-older`, path),
    alone: [0, /verify/],
    afterwards: [11, /tail was cut off or the file was replaced/],
  },
  {
    name: 'its head was removed with the key',
    change: (path) => {
      for (const suffix of ['head', 'key']) rmSync(path.replace(/jsonl$/, suffix));
      edit(path, (lines) => lines.splice(-3));
    },
    alone: [0, /verify/],
    // Who removes the key as well removes what would have told: only an exported copy or a sealed key would.
    afterwards: [0, /verify/],
  },
  {
    name: 'its head was overwritten',
    change: (path) => writeFileSync(path.replace(/jsonl$/, 'head'), Buffer.alloc(8192, 7)),
    alone: [0, /verify/],
    afterwards: [11, /nothing vouches/],
  },
];

describe('an audit chain of which', () => {
  let device: Device;
  const kept = ['audit.jsonl', 'audit.head', 'audit.key'];
  const keep = (name: string) => join(device.home, name);

  before(async () => {
    device = await startDevice();
    await device.initialise();
    const older = join(device.stateDirectory, 'audit.jsonl-older');
    copyFileSync(chainOf(device), older);
    for (let count = 0; count < 3; count += 1) await device.must(['secret', 'set', '-p', 'device', `name-${count}`], 'value');
    await device.end('daemon-profile');
    for (const name of kept) copyFileSync(join(device.stateDirectory, name), keep(name));
  });

  after(() => device.dispose());

  for (const { name, change, alone, afterwards } of tamperings) {
    it(`${name} is judged by its file alone, and by the head once the daemon runs again, which goes on writing`, async () => {
      for (const file of kept) copyFileSync(keep(file), join(device.stateDirectory, file));
      change(chainOf(device));
      const judged = await device.sesame(['audit', 'verify', '--path', chainOf(device)]);
      assert.equal(judged.code, alone[0], judged.stderr);
      assert.match(judged.stderr + judged.stdout.toString(), alone[1]);
      device.launch('daemon-profile');
      await device.answers();
      try {
        const result = await device.sesame(['audit', 'verify']);
        assert.equal(result.code, afterwards[0], result.stderr);
        assert.match(result.stderr + result.stdout.toString(), afterwards[1]);
        const client = await connectClient(device);
        await client.request('secret-set', { profile: 'device', name: 'name' }, Buffer.from('still works'));
        const again = await failureOf(client.request('audit-verify', {}));
        assert.equal(again === 'success', afterwards[0] === 0, `${again}: it is not forgotten by going on`);
        await client.close();
      } finally {
        await device.end('daemon-profile');
      }
    });
  }

  it('somebody has looked into the gap is no problem any more, and verifies with the gap in it', async () => {
    for (const file of kept) copyFileSync(keep(file), join(device.stateDirectory, file));
    edit(chainOf(device), (lines) => lines.splice(-3));
    device.launch('daemon-profile');
    await device.answers();
    const problem = async () => JSON.parse((await device.must(['status', '--json'])).toString()).audit.problem;
    try {
      assert.match(await problem(), /nothing vouches/);
      const acknowledged = await device.sesame(['audit', 'acknowledge']);
      assert.equal(acknowledged.code, 0, acknowledged.stderr);
      assert.equal(await problem(), undefined);
      assert.equal((await verify(device)).code, 0);
      assert.ok(operationsOf(device).includes('audit-acknowledge success'));
    } finally {
      await device.end('daemon-profile');
    }
  });

  it('the last line was torn is whole again after the start, says so itself, and verifies', async () => {
    for (const file of kept) copyFileSync(keep(file), join(device.stateDirectory, file));
    const before = entriesOf(device).length;
    const torn = '{"sequence":99,"timestamp_ms":17';
    appendFileSync(chainOf(device), torn);
    device.launch('daemon-profile');
    await device.answers();
    await device.eventually('the recovery is recorded', () => entriesOf(device).length > before);
    assert.equal((await verify(device)).code, 0);
    const note = entriesOf(device)[before]?.recovery;
    assert.equal(Object(note?.['torn']).bytes, torn.length);
    assert.equal(verifyByHand(chainOf(device)), entriesOf(device).length);
    await device.end('daemon-profile');
  });
});

describe('the audit chain of a device whose clock is wrong', () => {
  const today = Math.floor(Date.now() / 1000);
  let device: Device;
  const last = () => {
    const entry = entriesOf(device).at(-1);
    assert.ok(entry !== undefined);
    return entry;
  };

  before(async () => {
    device = new Device();
    await device.start();
    await device.initialise();
  });

  after(() => device.dispose());

  async function restartAt(offsetSeconds: number): Promise<void> {
    await device.end('daemon-profile');
    device.launchBare('daemon-profile', shiftedClock(device.home, offsetSeconds));
    await device.answers();
  }

  for (const [name, offset, year] of [
    ['begins in 1970', -today, 1970],
    ['is before 1970', -today - 86_400, 1970],
    ['is in 2100', 4_102_444_800 - today, 2100],
    ['goes back to the right year', 0, new Date().getUTCFullYear()],
  ] as const) {
    it(`goes on in its order when the clock ${name}`, async () => {
      const before = last();
      await restartAt(offset);
      await device.must(['secret', 'set', '-p', 'device', 'name'], name);
      const entry = last();
      const found = new Date(entry.timestamp_ms).getUTCFullYear();
      assert.ok(Math.abs(found - year) <= 1 && entry.timestamp_ms >= 0, `its wall time is of ${found}`);
      assert.equal(entry.sequence, before.sequence + 2, 'the attempt and its success, and nothing between');
      assert.ok(entry.monotonic_ms > before.monotonic_ms, 'the time since the boot goes on');
      assert.equal(entry.boot, before.boot, 'it is the same boot');
      assert.equal((await verify(device)).code, 0);
      assert.equal(verifyByHand(chainOf(device)), entry.sequence);
    });
  }

  it('keeps its file for the daemon alone', () => {
    for (const name of ['audit.head', 'audit.key']) assert.equal(statSync(join(device.stateDirectory, name)).mode & 0o777, 0o600);
    assert.equal(statSync(chainOf(device)).mode & 0o007, 0);
  });
});
