// SPDX-License-Identifier: MIT
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Device, password, type Result } from './device.ts';
import { SoftwareTpm } from './swtpm.ts';

/** What is in the vault of the device. */
export const sealedSecret = 'a value behind the TPM';

/** A device with a TPM whose version n extends PCR 7 n times, and whose vault opens by itself. */
export class MeasuredDevice {
  readonly chip: SoftwareTpm;
  readonly device: Device;
  recoveryKey = '';

  private constructor(chip: SoftwareTpm) {
    this.chip = chip;
    this.device = new Device(this.configuration());
  }

  /** Of version 1, with a TPM that has no counters of earlier tests; its daemons are not started. */
  static async of(chip: SoftwareTpm): Promise<MeasuredDevice> {
    await chip.reboot();
    chip.tool('tpm2_clear');
    chip.extend(7);
    return new MeasuredDevice(chip);
  }

  /** The text of config.toml. @param more of [global.tpm] */
  configuration(more = ''): string {
    return `[global.tpm]\ntcti = "${this.chip.tcti}"\npcrs = [7, 12]\n${more}\n[profiles.device]\nunlock = "tpm"\n`;
  }

  /** Starts the daemons, and makes a vault with one secret. @param more of [global.tpm] */
  async provision(more = ''): Promise<void> {
    writeFileSync(join(this.device.configurationDirectory, 'config.toml'), this.configuration(more));
    await this.device.start();
    const init = ['init', '-p', 'device', '--factor', 'password,tpm', '--password-stdin', '--json'];
    this.recoveryKey = JSON.parse((await this.device.must(init, `${password}\n`)).toString()).recovery_key;
    await this.device.unlock();
    await this.device.must(['secret', 'set', '-p', 'device', 'name'], sealedSecret);
  }

  async switchOff(): Promise<void> {
    await this.device.end('daemon-secrets');
    await this.device.end('daemon-profile');
  }

  async bootsInto(version: number): Promise<void> {
    await this.switchOff();
    await this.chip.reboot();
    for (let count = 0; count < version; count += 1) this.chip.extend(7);
    await this.device.start();
  }

  read(): Promise<Result> {
    return this.device.sesame(['secret', 'get', '-p', 'device', 'name']);
  }

  async opensByItself(): Promise<void> {
    const opens = async () => (await this.read()).stdout.toString() === sealedSecret;
    await this.device.eventually('the vault opens by itself', opens);
  }

  /** Predicted by a TPM itself: it is booted into the version, and its PCRs are read. */
  async pcrFileOf(version: number): Promise<string> {
    const other = await SoftwareTpm.start();
    try {
      for (let count = 0; count < version; count += 1) other.extend(7);
      const path = join(this.device.home, `version-${version}`);
      writeFileSync(path, other.tool('tpm2_pcrread', 'sha256:7,12'));
      return path;
    } finally {
      await other.remove();
    }
  }

  async approve(version: number): Promise<Result> {
    return await this.device.sesame(['tpm', 'authorize', '-p', 'device', '--pcr-file', await this.pcrFileOf(version), '--json']);
  }
}
