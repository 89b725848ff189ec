// SPDX-License-Identifier: MIT
// What the tests of a measured boot have in common.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Device, password } from '../harness/device.ts';

/** UEFI keeps some of it. */
export const memoryMb = 512;

export const secret = 'behind firmware, kernel and root hash';
export const read = 'sesame secret get -p device name';

/** A vault that the TPM opens, with one secret in it. */
export async function provision(device: Device): Promise<void> {
  await device.must('sesame init -p device --factor password,tpm --password-stdin --no-recovery-key', `${password}\n`);
  await device.unlock();
  await device.must('sesame secret set -p device name', secret);
}

export async function opensByItself(device: Device): Promise<void> {
  await device.eventually('the vault opens by itself', read, 60_000);
  assert.equal(await device.must(read), secret);
}

interface Prediction {
  readonly values: readonly { readonly pcr: number; readonly value: string }[];
}

/** What the vault would be sealed to for a next boot that is told by these options of `sesame tpm authorize`. */
export async function predict(device: Device, options: string): Promise<Prediction> {
  return JSON.parse(await device.must(`sesame tpm authorize -p device ${options} --dry-run --json`));
}

/** The kernel says what the TPM holds. */
export async function requireAsPredicted(device: Device, { values }: Prediction): Promise<void> {
  for (const { pcr, value } of values) {
    const real = (await device.must(`cat /sys/class/tpm/tpm0/pcr-sha256/${pcr}`)).trim().toLowerCase();
    assert.equal(value, real, `PCR ${pcr}`);
  }
}

/** A kernel of the same code with another name of who built it: it boots, and is another one. */
export function otherKernel(kernel: string, path: string): string {
  const bytes = readFileSync(kernel);
  const builder = /\([\w.-]+@[\w.-]+\) \(/.exec(bytes.toString('latin1'));
  assert.ok(builder !== null, 'the kernel names its builder');
  bytes.write(builder[0].toUpperCase(), builder.index);
  writeFileSync(path, bytes);
  return path;
}

/** An initial RAM disk with one file and no init: the kernel unpacks it and goes on to its root. */
export function initrd(directory: string): string {
  const tree = join(directory, 'initrd');
  mkdirSync(tree);
  writeFileSync(join(tree, 'note'), 'hello\n');
  const path = join(directory, 'initrd.cpio');
  writeFileSync(path, execFileSync('cpio', ['-o', '-H', 'newc', '--quiet'], { cwd: tree, input: 'note\n' }));
  return path;
}
