// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Device, password } from '../support/device.ts';
import { SoftwareTpm } from '../support/swtpm.ts';
import { anyCommand, TpmProxy } from '../support/tpm-proxy.ts';

/** How long each answer of the TPM takes, in ms: an unlock needs several, so what is asked in between comes in the middle of it. */
const answerMs = 100;

describe('an unlock that a slow TPM draws out', () => {
  let chip: SoftwareTpm;
  let proxy: TpmProxy;
  let device: Device;
  before(async () => {
    chip = await SoftwareTpm.start();
    chip.extend(7);
  });
  after(() => chip.remove());
  beforeEach(async () => {
    proxy = await TpmProxy.start(chip);
    device = await new Device(`[global.tpm]\ntcti = "${proxy.tcti}"\npcrs = [7]\n`).start();
  });
  afterEach(async () => {
    await device.dispose();
    await proxy.close();
  });

  async function provision(policy = 'any'): Promise<void> {
    const factors = ['--factor', 'password,tpm', '--policy', policy, '--password-stdin', '--no-recovery-key'];
    await device.must(['init', '-p', 'device', ...factors], `${password}\n`);
    proxy.delays.set(anyCommand, answerMs);
  }

  /** Presents the TPM and does something else before it has answered. */
  async function interrupted(work: string[]): Promise<{ code: number | null; stderr: string }> {
    const before = (await proxy.apply()).commands.length;
    const unlocking = device.sesame(['unlock', '-p', 'device', '--tpm']);
    await device.eventually('the TPM is asked', async () => (await proxy.apply()).commands.length > before);
    await device.must(work);
    return await unlocking;
  }

  async function stateOf(): Promise<unknown> {
    const { vaults } = JSON.parse((await device.must(['status', '--json'])).toString());
    return vaults[0].state;
  }

  const profileList = async () => JSON.parse((await device.must(['profile', 'list', '--json'])).toString());
  const read = () => device.sesame(['secret', 'get', '-p', 'device', 'name']);

  it('does not undo a lock that came in the middle of it', async () => {
    await provision();
    const { code, stderr } = await interrupted(['lock', '-p', 'device']);
    assert.deepEqual([code, /was locked while/.test(stderr)], [4, true], stderr);
    assert.equal((await read()).code, 4);
  });

  it('does not activate a profile that was deactivated in the middle of it', async () => {
    await provision();
    await device.unlock();
    await device.must(['lock', '-p', 'device']);
    const { code, stderr } = await interrupted(['profile', 'deactivate', 'device']);
    assert.equal(code, 4, stderr);
    await wait(answerMs);
    const { profiles } = await profileList();
    assert.deepEqual(
      profiles.map(({ name, active }: { name: string; active: boolean }) => [name, active]),
      [['device', false]],
    );
  });

  it('leaves nothing of a factor of several that a lock came upon', async () => {
    await provision('all');
    const { stderr } = await interrupted(['lock', '-p', 'device']);
    assert.match(stderr, /was locked while/);
    assert.equal(await stateOf(), 'locked');
  });
});
