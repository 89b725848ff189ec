// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Device } from '../harness/device.ts';
import { type Service, services } from '../harness/memory.ts';
import { readyDevice, readySecret } from '../harness/ready-device.ts';

const programs = '/usr/lib/open-sesame/bin';
const stranger = 65_534;

/** Who may ask for one secret of two, and nothing else. */
const client = 1042;
const rules = `
[clients.mqtt-bridge]
uid = ${client}

[profiles.device.secrets.access]
mqtt-bridge = ["${readySecret.name}"]
`;

/** What that client may not do. */
const beyond = [
  'secret get -p device other/password',
  `secret delete -p device ${readySecret.name}`,
  'lock -p device',
  'profile deactivate device',
  'audit tail',
  'keys rotate',
];

describe('the daemons of a device whose vault is open', () => {
  let device: Device;
  before(async () => {
    device = await readyDevice('other processes');
  });
  after(() => device.dispose());

  /** What a process of that user could read of the daemon, by try: "read" or an errno. */
  async function intrude(service: Service, user: string): Promise<Record<string, string>> {
    return JSON.parse(await device.must(`${device.control.pid(service)}; ${programs}/run-as ${user} ${programs}/intruder $pid`));
  }

  const userOf = async (service: Service) =>
    (await device.must(`${device.control.pid(service)}; awk '/^Uid:/ { print $2 }' /proc/$pid/status`)).trim();

  for (const service of services) {
    it(`are closed to the processes of another user: ${service}`, async () => {
      assert.deepEqual(readable(await intrude(service, `${stranger}`)), []);
    });

    it(`are closed to other processes of their own user: ${service}`, async () => {
      assert.deepEqual(readable(await intrude(service, await userOf(service))), []);
    });

    it(`are closed to root without CAP_SYS_PTRACE: ${service}`, async () => {
      assert.deepEqual(readable(await intrude(service, 'root-without-ptrace')), []);
    });

    it(`are open to root with everything, so the tries can succeed, but for their secret pages: ${service}`, async () => {
      const { 'its secret pages': secret, ...others } = await intrude(service, '0');
      assert.deepEqual(new Set(Object.values(others)), new Set(['read']));
      assert.equal(secret, 'EIO');
    });
  }

  it('give a client that somebody else has taken over what its rules say and no more', async () => {
    await device.must('sesame secret set -p device other/password', 'of another client');
    await device.configure(rules);
    await device.unlock();
    const ask = (words: string) => device.run(`${programs}/run-as ${client} /usr/bin/sesame ${words}`);
    assert.equal((await ask(`secret get -p device ${readySecret.name}`)).stdout.toString(), readySecret.value);
    assert.equal((await ask('secret list -p device')).stdout.toString(), `${readySecret.name}\n`);
    const exported = (await ask('export -p device')).stdout.toString();
    assert.ok(exported.includes(readySecret.value) && !exported.includes('of another client'), exported);
    const denied = await Promise.all(beyond.map(async (words) => [words, (await ask(words)).code]));
    assert.deepEqual(
      denied,
      beyond.map((words) => [words, 5]),
    );
  });
});

function readable(outcomes: Record<string, string>): string[] {
  const names = Object.entries(outcomes).filter(([, outcome]) => outcome === 'read');
  return names.map(([name]) => name);
}
