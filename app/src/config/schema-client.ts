// SPDX-License-Identifier: MIT
import { securityLevels } from '../core/clearance.ts';

export const accountPattern = '^[a-z_][a-z0-9_.-]{0,31}\\$?$';
export const publicKeyPattern = '^[0-9a-fA-F]{64}$';
/** What systemd takes for the name of a credential (systemd.exec(5)), as far as its address has room for it. */
export const credentialPattern = '^[!-.0-9;-~]{1,64}$';
const account = { type: ['integer', 'string'], minimum: 0, maximum: 4_294_967_294, pattern: accountPattern } as const;

/** `[clients.NAME]`. */
export function clientSchema<Pattern extends string>(profilePattern: Pattern) {
  return {
    type: 'object',
    properties: {
      uid: { ...account, description: 'The user of the process: a number or a name of /etc/passwd.' },
      gid: { ...account, description: 'A group of the process: a number or a name of /etc/group.' },
      unit: {
        type: 'string',
        minLength: 1,
        maxLength: 256,
        description: 'The service of the process, with or without ".service".',
      },
      key: { type: 'string', pattern: publicKeyPattern, description: 'The public key of the client on the bus, in hexadecimal.' },
      clearance: {
        type: 'string',
        enum: securityLevels,
        default: 'profile-scoped',
        description: 'The highest level of message that the client may send and receive.',
      },
      credentials: {
        type: 'object',
        description:
          'Per credential of the unit, as its LoadCredential= names it, the secret that it holds. The access rules decide as for any read.',
        maxProperties: 256,
        patternProperties: { [credentialPattern]: { type: 'string', minLength: 1, maxLength: 256 } },
        additionalProperties: false,
        default: {},
      },
      credentials_profile: {
        type: 'string',
        pattern: profilePattern,
        description: 'The profile of these secrets; the default profile when absent.',
      },
    },
    additionalProperties: false,
  } as const;
}
