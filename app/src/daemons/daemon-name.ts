// SPDX-License-Identifier: MIT

export const daemonNames = ['daemon-profile', 'daemon-secrets'] as const;
export type DaemonName = (typeof daemonNames)[number];
