// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { decodeCborMap, encodeCbor } from './cbor.ts';

const longestCode = 64;
const longestParameter = 1024;
const mostParameters = 16;

/** The body of an error envelope: the code and what its message names, so that the other side writes the sentence. */
export function encodeError(error: SesameError): Uint8Array {
  const parameters = Object.entries(error.parameters).map(([name, value]) => [
    name,
    typeof value === 'string' ? value.slice(0, longestParameter).toWellFormed() : value,
  ]);
  return encodeCbor({ code: error.code, parameters: Object.fromEntries(parameters) });
}

/**
 * The error that an error envelope carries.
 * @throws SesameError message-invalid
 */
export function decodeError(body: Uint8Array): SesameError {
  const fields = decodeCborMap(body);
  const code = fields.get('code');
  const parameters = fields.get('parameters');
  if (typeof code !== 'string' || code.length > longestCode) throw malformed('code is not a short text');
  if (!(parameters instanceof Map) || parameters.size > mostParameters) throw malformed('parameters is not a small map');
  return SesameError.fromWire(code, Object.fromEntries([...parameters].map(readParameter)));
}

function readParameter([name, value]: [unknown, unknown]): [string, string | number] {
  if (typeof name !== 'string' || name.length > longestCode) throw malformed('the name of a parameter is not a short text');
  if (typeof value === 'number') return [name, value];
  if (typeof value !== 'string' || value.length > longestParameter)
    throw malformed('a parameter is neither number nor short text');
  return [name, value];
}

function malformed(reason: string): SesameError {
  return SesameError.of('message-invalid', { kind: 'error', reason });
}
