// SPDX-License-Identifier: MIT
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';

const headerBytes = 10;
const { port, chipPort }: { port: number; chipPort: number } = workerData;
const traffic: Buffer[] = [];
const commands: number[] = [];
let delays = new Map<number, number>();
let answers = new Map<number, Uint8Array>();

/** One command and its answer on each connection: that is how the transport does it. */
function relay(client: Socket): void {
  const chip = connect(chipPort, '127.0.0.1');
  let command = 0;
  let answer = Buffer.alloc(0);
  client.on('data', (data) => {
    command = data.readUInt32BE(6);
    commands.push(command);
    traffic.push(data);
    const instead = answers.get(command);
    if (instead === undefined) chip.write(data);
    else client.write(instead);
  });
  chip.on('data', (data) => {
    answer = Buffer.concat([answer, data]);
    if (answer.length < headerBytes || answer.length < answer.readUInt32BE(2)) return;
    traffic.push(answer);
    const delay = delays.get(command) ?? delays.get(0) ?? 0;
    void sleep(delay).then(() => client.writable && client.write(answer));
  });
  client.on('close', () => chip.destroy());
  for (const socket of [client, chip]) socket.on('error', () => socket.destroy());
}

function pass(client: Socket): void {
  const control = connect(chipPort + 1, '127.0.0.1');
  client.pipe(control).pipe(client);
  for (const socket of [client, control]) socket.on('error', () => client.destroy());
}

createServer(relay).listen(port, '127.0.0.1', () => {
  createServer(pass).listen(port + 1, '127.0.0.1', () => parentPort?.postMessage('ready'));
});

parentPort?.on('message', (request: { delays: Map<number, number>; answers: Map<number, Uint8Array> }) => {
  ({ delays, answers } = request);
  parentPort?.postMessage({ traffic: Buffer.concat(traffic), commands });
});
