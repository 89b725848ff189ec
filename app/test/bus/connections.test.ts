// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { initiate } from '../../src/bus/handshake.ts';
import { busPaths, readPublicKey } from '../../src/bus/keys.ts';
import { mostConnectionsOfOneUid, mostFarewells } from '../../src/bus/limits.ts';
import { peerCredentials } from '../../src/linux/peer.ts';
import { type Bus, memory, newKeyPair, RawPeer, startBus, suite, until } from './fixture.ts';

const handlers = { 'profile-list': async () => ({ body: { profiles: [] } }) };

/** Another process of the same user that opens connections, says so and keeps them. */
async function siblingWith(connections: number, test: TestContext, bus: Bus): Promise<ChildProcess> {
  const program = `
    const { BusClient } = await import(${JSON.stringify(import.meta.resolve('../../src/bus/client.ts'))});
    const { openSecretMemory } = await import(${JSON.stringify(import.meta.resolve('../../src/memory/secret-memory.ts'))});
    const options = { memory: openSecretMemory(), runtimeDirectory: ${JSON.stringify(bus.directory)}, suite: ${JSON.stringify(suite)} };
    const clients = [];
    for (let count = 0; count < ${connections}; count += 1) {
      clients.push(await BusClient.connect(options));
      await clients[0].request('profile-list', {});
    }
    console.log('open');
    setInterval(() => clients.at(-1).request('profile-list', {}), 10_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  test.after(() => child.kill());
  await once(child.stdout, 'data');
  return child;
}

describe('the places of one user', () => {
  it('are not all kept by a program that forgets its connections: its oldest idle one gives way to another program', async (test) => {
    const bus = await startBus(test, { handlers });
    const peers: RawPeer[] = [];
    for (let count = 0; count < mostConnectionsOfOneUid; count += 1) peers.push(await RawPeer.open(test, bus.directory));
    await siblingWith(2, test, bus);
    await until(() => peers.filter(({ closed }) => closed).length === 2);
    assert.deepEqual(
      peers.slice(0, 3).map(({ closed }) => closed),
      [true, true, false],
    );
    await until(() => bus.server.connections === mostConnectionsOfOneUid);
  });

  it('are not taken by connections that were turned away and do not leave', async (test) => {
    let known = false;
    const bus = await startBus(test, {
      handlers,
      identify: (_, publicKey) => (publicKey === undefined || known ? { name: 'client', clearance: 'internal' } : undefined),
    });
    for (let count = 0; count < mostConnectionsOfOneUid; count += 1) await stayTurnedAway(test, bus);
    // Fewer on a slow machine, where the time for the first of them is over by now.
    assert.ok(bus.server.connections <= mostFarewells + 1, `nor do all of them keep a descriptor: ${bus.server.connections}`);
    known = true;
    await (await bus.connect()).request('profile-list', {});
  });
});

/** A connection whose other end closes nothing when it is told to go. */
async function stayTurnedAway(test: TestContext, { directory }: Bus): Promise<void> {
  const { socket: path, publicKey } = busPaths(directory);
  const busKey = readPublicKey(publicKey);
  assert.ok(busKey !== undefined);
  const key = newKeyPair();
  const socket = connect({ path, allowHalfOpen: true });
  test.after(() => socket.destroy());
  await once(socket, 'connect');
  const { transport } = await initiate(socket, { memory, suite, peer: peerCredentials(socket), key, busKey });
  transport.destroy();
  key.privateKey.release();
}
