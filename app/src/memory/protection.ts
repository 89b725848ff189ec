// SPDX-License-Identifier: MIT
import { constants } from 'node:os';
import { SesameError } from '../core/errors.ts';
import { type Missing, readKernelFacts } from '../linux/kernel-facts.ts';
import { close, describeErrno, memfdSecret } from '../linux/libc.ts';
import { explainMissingMemfdSecret } from '../linux/secretmem-support.ts';
import type { Protection } from './secret-bytes.ts';

export interface ProtectionChoice {
  readonly protection: Protection;
  /** Why, when it is not memfd_secret. */
  readonly fallback?: Missing;
}

const { EACCES, EINVAL, ENOSYS, EPERM } = constants.errno;
const refusals: readonly number[] = [EACCES, EINVAL, ENOSYS, EPERM];

/**
 * Asks the kernel for secret memory: its configuration says what should be, only the call says what is.
 * @throws SesameError secret-memory-failed when the call fails for want of a resource, which must not downgrade the protection for good
 */
export function chooseProtection(forceFallback: boolean): ProtectionChoice {
  if (forceFallback) {
    return { protection: 'mlock', fallback: { cause: 'the fallback was asked for', remedy: 'do not ask for it' } };
  }
  const { value: descriptor, errno } = memfdSecret();
  if (errno === 0) {
    close(descriptor);
    return { protection: 'memfd_secret' };
  }
  if (refusals.includes(errno)) return { protection: 'mlock', fallback: explainMissingMemfdSecret(errno, readKernelFacts()) };
  throw SesameError.of('secret-memory-failed', { cause: `memfd_secret answers ${describeErrno(errno)}` });
}
