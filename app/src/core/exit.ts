// SPDX-License-Identifier: MIT

/** Exit codes of every program here. They are fixed for ever: scripts test them. */
export const Exit = {
  done: 0,
  unexpected: 1,
  usage: 2,
  notInitialised: 3,
  locked: 4,
  denied: 5,
  notFound: 6,
  alreadySo: 7,
  authenticationFailed: 8,
  bootStateChanged: 9,
  tpmUnavailable: 10,
  damaged: 11,
  storage: 12,
  unreachable: 13,
  configuration: 14,
} as const;

export type ExitCode = (typeof Exit)[keyof typeof Exit];
