// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { rounds, seededRandom } from '../../app/test/support/campaign.ts';
import { buildDevice, type DeviceImage } from '../build/device.ts';
import { measuredBoot } from '../build/measured-boot.ts';
import { openrcTools } from '../build/openrc-tools.ts';
import { Device, password } from '../harness/device.ts';
import { memoryMb, opensByItself, read, secret } from './measured-device.ts';
import { keysOf, masterKeyBehind, sealedDataOf } from './vault-keys.ts';

/** Under this policy tpm2_unseal(1) needs no more than the PCRs. */
const settings = '[profiles.device]\nunlock = "tpm"\n[global.tpm]\npolicy = "pcr"\n';
const cuts = rounds(2, 50);

/** Exit codes of commands. */
const locked = 4;
const tpmUnavailable = 10;

const init = 'sesame init -p device --factor password,tpm --password-stdin --recovery-key';
const say = (text: string) => process.stderr.write(`${text}\n`);

describe('a device with measured boot and its TPM', () => {
  const random = seededRandom();
  let image: DeviceImage;
  let device: Device;
  let recoveryKey: string;
  /** From power-on to an open vault, in ms. */
  let openAfter: number;

  before(async () => {
    image = await measuredBoot(await buildDevice(say, openrcTools), say, { settings, variant: 'tpm' });
    device = await Device.create('tpm', image);
    await device.boot({ memoryMb });
    recoveryKey = await provision(device);
  });
  after(() => device.dispose());

  /** @returns the recovery key */
  async function provision(made: Device): Promise<string> {
    const key = await made.must(init, `${password}\n`);
    await made.unlock();
    await made.must('sesame secret set -p device name', secret);
    return key.trim();
  }

  async function refusesTpm(other: Device): Promise<void> {
    assert.equal((await other.run(read)).code, locked);
    const { code, stderr } = await other.run('sesame unlock -p device --tpm');
    assert.equal(code, tpmUnavailable, stderr);
    assert.match(stderr, /belongs to another TPM than the one that answers/);
  }

  it('shows whoever listens between them what is sealed, and never the key: tpm2_unseal shows both, and the key is the one of the vault', async () => {
    await device.reboot({ memoryMb, listenToTpm: true });
    await opensByItself(device);
    openAfter = performance.now() - device.machine.poweredOnAt;
    const heard = device.tpmTraffic;
    const { publicArea, privateArea } = await sealedDataOf(device);
    const key = await unsealWithTools(device, publicArea, privateArea);
    const [, masterKey] = await keysOf(device);
    assert.deepEqual(await masterKeyBehind(device, key), masterKey);
    assert.ok(device.tpmTraffic.includes(key), 'without an encrypted session a listener hears it');
    assert.ok(heard.includes(privateArea), 'this listener heard the load');
    for (const needle of [key, key.subarray(0, 16), key.subarray(16)]) assert.ok(!heard.includes(needle));
  });

  it(`is not locked out by ${cuts} power cuts while it opens`, async (context) => {
    await device.powerOff();
    for (let cut = 0; cut < cuts; cut += 1) await device.interruptBoot(openAfter / 2 + random.below(openAfter / 2), { memoryMb });
    await device.boot({ memoryMb });
    context.diagnostic(`seed ${random.seed}, within ${(openAfter / 1000).toFixed(1)} s after power-on`);
    await opensByItself(device);
    assert.match(await device.must('sesame tpm status'), /wrong PINs: 0 of /);
  });

  it('keeps its disk from opening in another device of the same image, whose TPM works', async () => {
    await device.powerOff();
    const other = await Device.create('another tpm', image);
    try {
      await other.boot({ memoryMb });
      await provision(other);
      await other.reboot({ memoryMb });
      await opensByItself(other);
      await other.powerOff();
      copyFileSync(device.dataPath, other.dataPath);
      await other.boot({ memoryMb });
      await refusesTpm(other);
      await other.unlock();
      assert.equal(await other.must(read), secret);
    } finally {
      await other.dispose();
    }
  });

  it('opens by the recovery key when the TPM was reset, which is named, and by itself again after an enrolment', async () => {
    await device.cutPower();
    device.replaceTpm();
    await device.boot({ memoryMb });
    await refusesTpm(device);
    await device.must('sesame unlock -p device --recovery-stdin', `${recoveryKey}\n`);
    await device.must('sesame tpm enroll -p device');
    await device.reboot({ memoryMb });
    await opensByItself(device);
  });
});

/** As somebody with the disk, the right TPM and the right boot state would. */
async function unsealWithTools(device: Device, publicArea: Buffer, privateArea: Buffer): Promise<Buffer> {
  await device.must('cat > /run/public', publicArea);
  await device.must('cat > /run/private', privateArea);
  const text = await device.must(`cd /run
    export TPM2TOOLS_TCTI=device:/dev/tpmrm0
    tpm2_load -Q -C 0x81000001 -u public -r private -c object
    tpm2_unseal -c object -p pcr:sha256:0,4,7,9 | base64 -w 0`);
  return Buffer.from(text, 'base64');
}
