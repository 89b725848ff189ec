// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

/** Standard output of an independent program that computes the same thing. Its absence fails the test and names the package. */
export function oracle(program: string, debianPackage: string, args: readonly string[], input: Uint8Array): Buffer {
  const result = spawnSync(program, args, { input });
  assert.equal(result.error, undefined, `${program} does not run; install the Debian package ${debianPackage}`);
  assert.equal(result.status, 0, `${program}: ${result.stderr.toString()}`);
  return result.stdout;
}

/** `b3sum --derive-key` */
export function b3sumDeriveKey(context: string, material: Uint8Array): Buffer {
  const output = oracle('b3sum', 'b3sum', ['--derive-key', context, '--no-names'], material);
  return Buffer.from(output.toString().trim(), 'hex');
}

/**
 * `argon2` with the parameters of the file format.
 * @param password 1 to 127 bytes
 * @param salt 16 characters, for it goes through argv
 */
export function argon2id(password: Uint8Array, salt: string): Buffer {
  const args = [salt, '-id', '-v', '13', '-k', '19456', '-t', '2', '-p', '1', '-l', '32', '-r'];
  return Buffer.from(oracle('argon2', 'argon2', args, password).toString().trim(), 'hex');
}
