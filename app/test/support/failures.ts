// SPDX-License-Identifier: MIT
import type { ErrorCode } from '../../src/core/catalogue.ts';
import { SesameError } from '../../src/core/errors.ts';

/** For assert.throws and assert.rejects: a SesameError of this code. */
export function failsWith(code: ErrorCode): (thrown: unknown) => boolean {
  return (thrown) => {
    if (thrown instanceof SesameError && thrown.code === code) return true;
    throw thrown;
  };
}
