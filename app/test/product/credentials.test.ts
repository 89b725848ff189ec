// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { longestValue } from '../../src/core/names.ts';
import { connectClient } from '../support/client.ts';
import { Device } from '../support/device.ts';
import { openToOthers } from '../support/other-user.ts';
import { ServiceGroup, servicesMissing } from '../support/service.ts';

const python = '/usr/bin/python3';
const reader = readFileSync(join(import.meta.dirname, '../support/credential-reader.py'), 'utf8');
/** An address is taken as long as its socket is there. */
let readings = 0;
const bridge = `open-sesame-bridge-${process.pid}`;
const stranger = `open-sesame-stranger-${process.pid}`;
const unruled = `open-sesame-unruled-${process.pid}`;

const configuration = `
[clients.bridge]
unit = "${bridge}.service"
credentials = { "mqtt.password" = "mqtt/password", empty = "mqtt/empty", absent = "mqtt/absent", longest = "mqtt/longest", root = "admin/root" }
credentials_profile = "device"
[clients.unruled]
unit = "${unruled}"
credentials = { "mqtt.password" = "mqtt/password" }
credentials_profile = "device"
[clients.low]
unit = "low-${bridge}.service"
clearance = "internal"
credentials = { "mqtt.password" = "mqtt/password" }
credentials_profile = "device"
[profiles.device.secrets.access]
bridge = ["mqtt/*"]
low = ["mqtt/*"]
"*" = []
`;

/** More than systemd takes for a credential, so that it does not start the unit. */
const refused = /^1114112 $/;

interface Reading {
  /** As systemd names itself behind the NUL byte. */
  readonly address?: string;
  readonly unit?: string;
  readonly credential?: string;
  readonly from?: (...words: string[]) => ChildProcess;
}

async function textOf(child: ChildProcess): Promise<string> {
  let text = '';
  const add = (piece: unknown): void => {
    text += String(piece);
  };
  child.stdout?.on('data', add);
  child.stderr?.on('data', add);
  await new Promise((resolve) => child.once('close', resolve));
  return text;
}

describe('the credentials of a service', { skip: servicesMissing }, () => {
  const device = new Device(configuration);
  const groups: ServiceGroup[] = [];
  const group = (name: string): ServiceGroup => {
    const made = new ServiceGroup(name);
    groups.push(made);
    return made;
  };
  let ofBridge: ServiceGroup;

  before(async () => {
    ofBridge = group(bridge);
    openToOthers(device);
    await device.start();
    await device.initialise();
    const client = await connectClient(device);
    const values = {
      'mqtt/password': 'of bridge',
      'mqtt/empty': '',
      'mqtt/longest': 'x'.repeat(longestValue),
      'admin/root': 'r',
    };
    for (const [name, value] of Object.entries(values))
      await client.request('secret-set', { profile: 'device', name }, Buffer.from(value));
    await client.close();
  });

  after(async () => {
    await device.dispose();
    for (const made of groups) await made.remove();
  });

  const path = join(device.runtimeDirectory, 'credentials.sock');
  const read = ({
    unit = bridge,
    credential = 'mqtt.password',
    address,
    from = (...words) => ofBridge.spawn(...words),
  }: Reading) => {
    readings += 1;
    return textOf(from(python, '-c', reader, path, address ?? `${readings.toString(16)}/unit/${unit}.service/${credential}`));
  };

  const entriesOf = (action: string, outcome: string, name: string | null): unknown[] =>
    device.auditEntries().filter((entry) => {
      const operation = Object(entry).action.SecretOperationAudited;
      return operation?.action === action && operation.outcome === outcome && operation.requester_name === name;
    });

  it('are what the configuration names, to the byte', async () => {
    assert.equal(await read({}), '9 of bridge');
  });

  it('may be empty, and as long as a secret can be', async () => {
    assert.equal(await read({ credential: 'empty' }), '0 ');
    assert.equal(await read({ credential: 'longest' }), `${longestValue} ${'x'.repeat(longestValue)}`);
  });

  it('are read by name in the audit chain, as root', async () => {
    await device.eventually('the read is recorded', () => entriesOf('get', 'success', 'bridge').length > 0);
    const [entry] = entriesOf('get', 'success', 'bridge');
    assert.equal(Object(entry).requester_uid, 0);
  });

  for (const [because, reading, reason] of [
    ['that the rules do not grant', { credential: 'root' }, /bridge is not given .*may not get admin\/root/],
    ['that is not in the vault', { credential: 'absent' }, /bridge is not given .*absent/],
    ['that the client does not have', { credential: 'other' }, /names no such credential/],
    ['of another service, by its name', { unit: stranger }, /asked for by a process of open-sesame-bridge-\d+\.service/],
    ['of a name that only begins like it', { unit: `${bridge}.service` }, /asked for by a process of open-sesame-bridge/],
    ['without the address that systemd has', { address: '' }, /does not ask as systemd does/],
    [
      "under an address that is not quite systemd's",
      { address: `1f5a/unit/${bridge}.service/a/b` },
      /does not ask as systemd does/,
    ],
  ] as const) {
    it(`${because}, is refused in a way that keeps the service from starting`, async () => {
      assert.match(await read(reading), refused);
      assert.match(device.log('daemon-profile'), reason);
    });
  }

  it('is refused to a process of root that is in no service', async () => {
    const from = (program = '', ...words: string[]) => spawn(program, words);
    assert.match(await read({ from }), refused);
    assert.match(device.log('daemon-profile'), /asked for by a process of no service/);
  });

  it('is refused to a service that is no client, and leaves an entry', async () => {
    const before = entriesOf('credential', 'denied', null).length;
    const ofStranger = group(stranger);
    assert.match(await read({ unit: stranger, from: (...words) => ofStranger.spawn(...words) }), refused);
    assert.match(device.log('daemon-profile'), /no client is this unit/);
    await device.eventually('it is recorded', () => entriesOf('credential', 'denied', null).length > before);
  });

  it('is refused to a service without a rule, and leaves an entry with its name', async () => {
    const ofUnruled = group(unruled);
    assert.match(await read({ unit: unruled, from: (...words) => ofUnruled.spawn(...words) }), refused);
    await device.eventually('it is recorded', () => entriesOf('get', 'denied', 'unruled').length > 0);
  });

  it('is refused to a client whose clearance is too low', async () => {
    const ofLow = group(`low-${bridge}`);
    assert.match(await read({ unit: `low-${bridge}`, from: (...words) => ofLow.spawn(...words) }), refused);
    await device.eventually('it is recorded', () => entriesOf('credential', 'denied', 'low').length > 0);
  });

  it('cannot even be asked for by another user', async () => {
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const from = (...words: string[]) => ofBridge.spawn('setpriv', '--reuid=65534', '--clear-groups', ...words);
    assert.match(await read({ from }), /PermissionError/);
  });

  it('are given to all who ask at once, whoever is silent meanwhile', async () => {
    const silent = spawn(python, [
      '-c',
      'import socket,sys,time\ns=[socket.socket(1,1) for _ in range(30)]\n[c.connect(sys.argv[1]) for c in s]\nprint("there",flush=True)\ntime.sleep(30)',
      path,
    ]);
    await new Promise((resolve) => silent.stdout.once('data', resolve));
    const answers = await Promise.all(Array.from({ length: 30 }, () => read({})));
    assert.deepEqual([...new Set(answers)], ['9 of bridge']);
    silent.kill();
  });

  describe('of a vault that is locked', () => {
    before(() => device.must(['lock', '-p', 'device']));
    afterEach(() => device.unlock());

    it('are refused, and leave an entry', async () => {
      assert.match(await read({}), refused);
      await device.eventually('it is recorded', () => entriesOf('get', 'locked', 'bridge').length > 0);
      assert.match(device.log('daemon-profile'), /bridge is not given .*locked/);
    });
  });

  it('are refused while daemon-secrets is not there', async () => {
    await device.end('daemon-secrets');
    assert.match(await read({}), refused);
    device.launch('daemon-secrets');
    await device.answers();
  });
});

describe('the socket of credentials', () => {
  it('is there only when a client has some', async () => {
    const device = new Device('[clients.bridge]\nunit = "bridge"\n');
    try {
      await device.start();
      assert.ok(!existsSync(join(device.runtimeDirectory, 'credentials.sock')));
    } finally {
      await device.dispose();
    }
  });

  it('is gone after a stop, and back after a crash', async () => {
    const device = new Device(configuration);
    const path = join(device.runtimeDirectory, 'credentials.sock');
    try {
      await device.start();
      await device.end('daemon-profile', 'SIGKILL');
      assert.ok(existsSync(path));
      device.launch('daemon-profile');
      await device.answers();
      await wait(50);
      assert.equal(await device.end('daemon-profile'), 0);
      assert.ok(!existsSync(path));
    } finally {
      await device.dispose();
    }
  });
});
