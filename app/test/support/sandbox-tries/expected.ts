// SPDX-License-Identifier: MIT
import { constants } from 'node:os';

const { EACCES, EAFNOSUPPORT, EBADF, EFAULT, EINVAL, ENODEV, ENOSYS, EPERM } = constants.errno;

/** What a sandbox answers. */
export const refusals: readonly number[] = [EACCES, ENOSYS, EPERM];

/** With the sandbox off these fail too, each for its own reason; root's are the arguments that mean nothing. Whatever is not here succeeds. */
export const otherwise: Readonly<Record<string, readonly number[]>> = {
  'load a kernel module': [EBADF, ENOSYS],
  'load a kernel': [EINVAL, ENOSYS],
  bpf: [EINVAL, EFAULT],
  'socket: virtual machine': [0, EAFNOSUPPORT, ENODEV],
  'socket: crypto': [0, EAFNOSUPPORT],
  'socket: packet': [0, EAFNOSUPPORT],
};
