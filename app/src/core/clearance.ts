// SPDX-License-Identifier: MIT

/** Security levels, lowest first. A sender may not emit above its clearance; a subscriber below a message's level does not get it. */
export const securityLevels = ['open', 'internal', 'profile-scoped', 'secrets-only'] as const;
export type SecurityLevel = (typeof securityLevels)[number];

/** Whether a clearance suffices for a level. */
export function clears(clearance: SecurityLevel, level: SecurityLevel): boolean {
  return securityLevels.indexOf(clearance) >= securityLevels.indexOf(level);
}
