// SPDX-License-Identifier: MIT
import type { ErrorCode } from '../../src/core/catalogue.ts';
import { SesameError } from '../../src/core/errors.ts';

/** For assert.throws and assert.rejects: a SesameError of this code whose message has these in it. */
export function failsWith(code: ErrorCode, ...mentions: string[]): (thrown: unknown) => boolean {
  return (thrown) => {
    const matches = thrown instanceof SesameError && thrown.code === code;
    if (matches && mentions.every((mention) => thrown.message.includes(mention))) return true;
    throw thrown;
  };
}
