// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readlinkSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { memoryUsage } from '../../src/linux/memory-usage.ts';
import { rounds } from '../support/campaign.ts';
import { connectClient, failureOf, readSecret } from '../support/client.ts';
import { type Device, startDevice } from '../support/device.ts';
import { asUser, openToOthers, otherUsersMissing } from '../support/other-user.ts';

const silent = 500;

/** The handshake's time limit and room for a busy machine, in ms. */
const patienceMs = 15_000;

describe(`${silent} connections that`, () => {
  let device: Device;
  let descriptorsBefore = 0;

  before(async () => {
    device = await startDevice(`
[global.logging]
level = "info"
[clients.intruder]
uid = 61501
`);
    openToOthers(device);
    await device.initialise();
    await device.must(['secret', 'set', '-p', 'device', 'name'], 'value');
    descriptorsBefore = descriptors();
  });

  after(() => device.dispose());

  function descriptors(): number {
    const directory = `/proc/${device.pid('daemon-profile')}/fd`;
    return readdirSync(directory).filter((name) => linkOf(join(directory, name)).startsWith('socket:')).length;
  }

  /** Connects many times and sends each what it is to say; returns when all are connected. */
  async function connectAll(count: number, say: (socket: Socket, number: number) => unknown): Promise<Socket[]> {
    const sockets: Socket[] = [];
    for (let made = 0; made < count; made += 1) {
      const socket = createConnection(join(device.runtimeDirectory, 'bus.sock'));
      socket.on('error', () => undefined).resume();
      sockets.push(socket);
      await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
      if (!socket.destroyed) say(socket, made);
    }
    return sockets;
  }

  async function served(): Promise<void> {
    for (let count = 0; count < 5; count += 1) {
      const client = await connectClient(device);
      assert.equal((await readSecret(client, 'device', 'name')).toString(), 'value');
      await client.close();
    }
    assert.equal((await device.must(['secret', 'get', '-p', 'device', 'name'])).toString(), 'value');
  }

  const prefix = (length: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(length);
    return bytes;
  };

  /** What stalls at each step of a handshake. */
  const stalls: readonly ((socket: Socket) => unknown)[] = [
    (socket) => socket.write(Buffer.of(0, 0)),
    (socket) => socket.write(Buffer.concat([prefix(96), randomBytes(60)])),
    (socket) => socket.write(Buffer.concat([prefix(96), randomBytes(96)])),
    (socket) => socket.write(prefix(0xffff_ffff)),
    (socket) => socket.end(),
  ];
  const silence = (): void => undefined;
  const behaviours: readonly [name: string, say: (socket: Socket, number: number) => unknown][] = [
    ['never speak', silence],
    ['stall in every way within their handshake', (socket, number) => stalls[number % stalls.length]?.(socket)],
  ];

  for (const [name, say] of behaviours) {
    it(`${name} keep nobody from being served, and are gone after the time limit`, async () => {
      const memoryBefore = memoryUsage(device.pid('daemon-profile')).anonymousKb;
      for (let round = 0; round < rounds(1, 10); round += 1) {
        const sockets = await connectAll(silent, say);
        try {
          await served();
          const open = () => sockets.filter((socket) => !socket.closed).length;
          await device.eventually('every connection was closed by the daemon', () => open() === 0, patienceMs);
        } finally {
          for (const socket of sockets) socket.destroy();
        }
        await device.eventually('every descriptor is given back', () => descriptors() <= descriptorsBefore, patienceMs);
      }
      const growth = memoryUsage(device.pid('daemon-profile')).anonymousKb - memoryBefore;
      assert.ok(growth < 8192, `daemon-profile grew by ${growth} kB`);
      await served();
    });
  }

  it('are opened and closed at once leave nothing behind', async () => {
    for (let round = 0; round < rounds(1, 20); round += 1) {
      const sockets = await connectAll(silent, (socket) => socket.destroy());
      for (const socket of sockets) socket.destroy();
    }
    await device.eventually('every descriptor is given back', () => descriptors() <= descriptorsBefore, patienceMs);
    await served();
  });

  it('belong to another user and finished their handshake are bounded, and keep nobody else from being served', {
    skip: otherUsersMissing,
  }, async () => {
    const intruder = { uid: 61_501 };
    let refused = 0;
    const hold = async (left: number): Promise<void> => {
      if (left === 0) {
        await served();
        return;
      }
      await asUser(device, intruder, async (client) => {
        if ((await failureOf(client.request('profile-status', {}))) !== 'success') refused += 1;
        await hold(left - 1);
      });
    };
    await hold(150);
    assert.ok(refused >= 20, `${refused} of 150 were refused: one user gets no more than half of the connections`);
    await device.eventually('every descriptor is given back', () => descriptors() <= descriptorsBefore, patienceMs);
  });

  it('were refused do not fill the log', () => {
    const lines = device.log('daemon-profile').split('\n').length;
    assert.ok(lines < 100, `${lines} lines`);
  });

  it('left the daemons that were running then', async () => {
    assert.ok(device.running('daemon-profile') && device.running('daemon-secrets'));
    const status = JSON.parse((await device.must(['status', '--json'])).toString());
    assert.ok(status.daemons.every(({ reachable }: { reachable: boolean }) => reachable));
  });
});

/** Empty for a descriptor that was closed since the directory was read. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
