// SPDX-License-Identifier: MIT
import { type DataType, load, open } from 'ffi-rs';
import { describe, SesameError } from '../../core/errors.ts';

/** The libraries of tpm2-tss. The daemons pay for them when the first TPM command is wanted, and not before. */
const sonames = {
  esys: 'libtss2-esys.so.0',
  mu: 'libtss2-mu.so.0',
  tctildr: 'libtss2-tctildr.so.0',
  rc: 'libtss2-rc.so.0',
} as const;

export type Library = keyof typeof sonames;

/** A parameter of a C function. A Buffer stands for a pointer to its bytes, undefined for a null pointer. */
export type Value = { readonly type: DataType; readonly value: number | bigint | Buffer };

const opened = new Set<Library>();

/**
 * Calls a function of tpm2-tss.
 * @throws SesameError tpm-library-missing
 */
export function call(library: Library, name: string, result: DataType, values: readonly Value[]): unknown {
  openLibrary(library);
  return load({
    library: sonames[library],
    funcName: name,
    retType: result,
    paramsType: values.map(({ type }) => type),
    paramsValue: values.map(({ value }) => value),
  });
}

function openLibrary(library: Library): void {
  if (opened.has(library)) return;
  // The library writes what it thinks of every response to standard error, unless it reads this before its first one.
  process.env['TSS2_LOG'] ??= 'all+none';
  try {
    open({ library: sonames[library], path: sonames[library] });
  } catch (thrown) {
    throw SesameError.of('tpm-library-missing', { library: sonames[library], cause: describe(thrown) }, thrown);
  }
  opened.add(library);
}
