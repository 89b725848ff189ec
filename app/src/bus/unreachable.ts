// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nobody listens there',
  EACCES: 'this user may not connect',
  EAGAIN: 'too many others are connecting',
};

/** What an errno of connect(2) means for a person, or undefined. */
export function connectReason(errno: string): string | undefined {
  return reasons[errno];
}

export function busUnreachable(path: string, reason: string, cause?: unknown): SesameError {
  return SesameError.of('daemon-unreachable', { daemon: 'daemon-profile', where: path, reason }, cause);
}
