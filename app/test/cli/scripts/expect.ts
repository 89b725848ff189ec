// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import type { Device, Result } from '../../support/device.ts';

/** Runs a command that must end with this code, say what it has to on standard error as `sesame: …`, and print nothing when it failed. */
export async function ends(
  device: Device,
  code: number,
  args: readonly string[],
  input: string | Uint8Array = '',
): Promise<Result> {
  const result = await device.sesame(args, input);
  assert.equal(result.code, code, `sesame ${args.join(' ')}: ${result.stderr}`);
  for (const line of result.stderr.split('\n').slice(0, -1)) assert.match(line, /^(sesame|usage): [^A-Z]|^sesame: ERROR: /, line);
  if (code !== 0) {
    assert.equal(result.stdout.length, 0, `sesame ${args.join(' ')} printed: ${result.stdout}`);
    assert.notEqual(result.stderr, '');
  }
  return result;
}

/** What a command that succeeds prints, as JSON. */
export async function json(
  device: Device,
  args: readonly string[],
  input: string | Uint8Array = '',
): Promise<Record<string, unknown>> {
  const { stdout } = await ends(device, 0, [...args, '--json'], input);
  const value: unknown = JSON.parse(stdout.toString());
  assert.ok(typeof value === 'object' && value !== null);
  return { ...value };
}
