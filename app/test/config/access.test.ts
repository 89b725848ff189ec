// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type AccessDecision, decideAccess, listing } from '../../src/config/access.ts';
import { Workplace } from './support.ts';

const workplace = new Workplace();
const { profiles } = workplace.load({
  'etc/config.toml': `
    [profiles.free]
    [profiles.device.secrets.access]
    administrators = ["*"]
    mqtt = ["mqtt/*", "tls-key"]
    idle = []
  `,
});
const closed = workplace.load({
  'etc/config.toml':
    '[profiles.device.secrets.access]\nmqtt = ["mqtt/*"]\n"*" = []\n[profiles.shared.secrets.access]\n"*" = ["shared/*"]\n',
}).profiles;
const withoutRules = workplace.load({ 'etc/config.toml': '[profiles.free]' }).profiles;

describe('the access rules', () => {
  const rows: readonly (readonly [
    because: string,
    profiles: typeof withoutRules,
    profile: string,
    client: string | undefined,
    secret: string | typeof listing,
    decision: AccessDecision,
  ])[] = [
    ['allow an unknown profile while there are no rules anywhere', withoutRules, 'other', 'mqtt', 'x', 'allow'],
    ['allow an unregistered client while there are no rules anywhere', withoutRules, 'other', undefined, 'x', 'allow'],
    ['deny an unknown profile once there are rules somewhere', profiles, 'other', 'administrators', 'x', 'deny'],
    ['deny listing an unknown profile once there are rules somewhere', profiles, 'other', 'administrators', listing, 'deny'],
    ['deny a profile named like a property of every object', profiles, 'toString', 'administrators', 'x', 'deny'],
    ['allow everybody in a profile without rules', profiles, 'free', undefined, 'x', 'allow'],
    ['allow listing in a profile without rules', profiles, 'free', undefined, listing, 'allow'],
    ['deny an unregistered client', profiles, 'device', undefined, 'tls-key', 'deny'],
    ['deny an unregistered client to list', profiles, 'device', undefined, listing, 'deny'],
    ['allow a client that they do not name', profiles, 'device', 'updater', 'x', 'allow'],
    ['allow a client named like a property of every object, which they do not name', profiles, 'device', 'valueOf', 'x', 'allow'],
    ['deny a client that they do not name, where "*" is given nothing', closed, 'device', 'updater', 'x', 'deny'],
    ['deny it to list, where "*" is given nothing', closed, 'device', 'updater', listing, 'deny'],
    ['hold a client that they name to its own rule beside that of "*"', closed, 'device', 'mqtt', 'mqtt/a', 'allow'],
    ['allow a client that they do not name what "*" is given', closed, 'shared', 'updater', 'shared/a', 'allow'],
    ['deny it everything else', closed, 'shared', 'updater', 'x', 'deny'],
    ['deny an unregistered client what "*" is given', closed, 'shared', undefined, 'shared/a', 'deny'],
    ['allow a secret that is named', profiles, 'device', 'mqtt', 'tls-key', 'allow'],
    ['allow a secret below a name with "/*"', profiles, 'device', 'mqtt', 'mqtt/a/b', 'allow'],
    ['deny the name above "/*" itself', profiles, 'device', 'mqtt', 'mqtt', 'deny'],
    ['deny a name that only begins alike', profiles, 'device', 'mqtt', 'mqtt2/a', 'deny'],
    ['deny a secret that is not named', profiles, 'device', 'mqtt', 'tls-key2', 'deny'],
    ['deny a secret called like the pattern of another', profiles, 'device', 'mqtt', '*', 'deny'],
    ['allow every secret to "*"', profiles, 'device', 'administrators', 'any/thing', 'allow'],
    ['allow a client with some names to list', profiles, 'device', 'mqtt', listing, 'allow'],
    ['judge a secret called "listing" as a secret', profiles, 'device', 'mqtt', 'listing', 'deny'],
    ['deny every secret to an empty list', profiles, 'device', 'idle', 'x', 'deny'],
    ['deny listing to an empty list', profiles, 'device', 'idle', listing, 'deny'],
  ];

  for (const [because, given, profile, client, secret, decision] of rows) {
    it(because, () => assert.equal(decideAccess({ profiles: given }, profile, { name: client }, secret), decision));
  }

  it('decide as a reading of their table does, for any rules and names', () => {
    const client = fc.constantFrom('a', 'b', 'c', undefined);
    const secret = fc.string({ unit: fc.constantFrom('x', 'y', '/', '*'), minLength: 1, maxLength: 4 });
    const rule = fc.oneof(secret, fc.constantFrom('*', 'x/*', 'x/y/*', '/*'));
    const access = fc.dictionary(fc.constantFrom('a', 'b', '*'), fc.array(rule, { maxLength: 3 }));
    const profile = fc.constantFrom('p', 'q', 'r');
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('p', 'q'), access),
        profile,
        client,
        fc.option(secret, { nil: undefined }),
        (rules, asked, name, named) => {
          const wanted = named ?? listing;
          const lines = Object.entries(rules).map(([each, table]) => {
            const entries = Object.entries(table).map(([key, names]) => `"${key}" = ${JSON.stringify(names)}\n`);
            return `[profiles.${each}.secrets.access]\n${entries.join('')}`;
          });
          const configuration = workplace.load({ 'etc/config.toml': lines.join('') });
          assert.equal(decideAccess(configuration, asked, { name }, wanted), reference(rules, asked, name, wanted));
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** The table of FORMATS read aloud, with "*" for those that are not named, over maps and regular expressions. */
function reference(
  rules: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>,
  profile: string,
  client: string | undefined,
  secret: string | typeof listing,
): AccessDecision {
  const all = new Map(Object.entries(rules).map(([name, access]) => [name, new Map(Object.entries(access))]));
  const anywhere = [...all.values()].some((access) => access.size > 0);
  const own = all.get(profile);
  if (own === undefined) return anywhere ? 'deny' : 'allow';
  if (own.size === 0) return 'allow';
  if (client === undefined) return 'deny';
  const names = own.get(client) ?? own.get('*');
  if (names === undefined) return 'allow';
  if (names.length === 0) return 'deny';
  if (secret === listing) return 'allow';
  const escaped = (text: string): string => text.replace(/[*/]/g, (character) => `\\${character}`);
  const patterns = names.map((name) =>
    name === '*' ? '.*' : name.endsWith('/*') ? `${escaped(name.slice(0, -1))}.*` : escaped(name),
  );
  return new RegExp(`^(?:${patterns.join('|')})$`, 's').test(secret) ? 'allow' : 'deny';
}
