// SPDX-License-Identifier: MIT
import { DataType } from 'ffi-rs';
import { assert, SesameError } from '../../core/errors.ts';
import { call } from './libraries.ts';

/** TSS2_RC: the layer that speaks in bits 16 to 23 (0 is the TPM itself), its answer below. */
export type ResponseCode = number;

const layerMask = 0xff0000;
const baseTryAgain = 9;

export function succeeded(response: unknown): boolean {
  return response === 0;
}

export function tryAgain(response: unknown): boolean {
  return typeof response === 'number' && (response & ~layerMask) === baseTryAgain && (response & layerMask) !== 0;
}

/** The error for a response that is not success. */
export function refused(command: string, response: unknown): SesameError {
  assert(typeof response === 'number', 'a response is a number');
  const code = `0x${response.toString(16)}`;
  return SesameError.of('tpm-command-failed', { command, response: code, cause: decode(response) });
}

/** For calls that cannot fail unless we made a mistake. */
export function requireSuccess(name: string, response: unknown): void {
  assert(succeeded(response), `${name} answers ${String(response)}`);
}

/** What the TPM or a layer above it answered, when that is what was thrown. */
export function responseOf(thrown: unknown): ResponseCode | undefined {
  if (!(thrown instanceof SesameError) || thrown.code !== 'tpm-command-failed') return undefined;
  return Number(thrown.parameters['response']);
}

/** Tss2_RC_Decode(3). */
function decode(response: ResponseCode): string {
  return String(call('rc', 'Tss2_RC_Decode', DataType.String, [{ type: DataType.U32, value: response }]));
}
