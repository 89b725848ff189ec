// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { accountId } from '../../src/config/accounts.ts';
import { clientOfUnit, identifyClient, type Process } from '../../src/config/clients.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { Workplace } from './support.ts';

const workplace = new Workplace();
const key = 'ab'.repeat(32);
const daemonUid = 990;

function identify(clients: string, overrides: Partial<Process>): string | undefined {
  const configuration = workplace.load({ 'etc/config.toml': clients });
  const peer = { uid: 1000, gid: 1000, groups: [], publicKeyHex: 'cd'.repeat(32), ...overrides };
  const client = identifyClient(configuration, peer, daemonUid);
  return client && `${client.name} ${client.clearance}`;
}

describe('a process', () => {
  it('is nobody when it matches no client', () => {
    assert.equal(identify('[clients.a]\nuid = 1', {}), undefined);
  });

  it('is an administrator as root', () => {
    assert.equal(identify('', { uid: 0 }), 'administrators secrets-only');
  });

  it("is an administrator as the daemons' own user", () => {
    assert.equal(identify('', { uid: daemonUid }), 'administrators secrets-only');
  });

  it('is as root what the configuration says of root', () => {
    assert.equal(identify('[clients.limited]\nuid = 0\nclearance = "open"', { uid: 0 }), 'limited open');
  });

  it('is as root still an administrator when only its group matches', () => {
    assert.equal(identify('[clients.staff]\ngid = 0', { uid: 0, gid: 0 }), 'administrators secrets-only');
  });

  it('is known by its uid, with clearance profile-scoped unless another is set', () => {
    assert.equal(identify('[clients.a]\nuid = 1000', {}), 'a profile-scoped');
  });

  it('is known by the name of its user', () => {
    assert.equal(identify('[clients.a]\nuid = "daemon"', { uid: accountId('passwd', 'daemon') ?? -1 }), 'a profile-scoped');
  });

  it('is not known by the name of a user that does not exist', () => {
    assert.equal(identify('[clients.a]\nuid = "nobody-has-this"', {}), undefined);
  });

  it('is known by its group and by its further groups', () => {
    assert.equal(identify('[clients.a]\ngid = 50', { gid: 50 }), 'a profile-scoped');
    assert.equal(identify('[clients.a]\ngid = 50', { groups: [49, 50] }), 'a profile-scoped');
    assert.equal(identify('[clients.a]\ngid = 50', { groups: [49] }), undefined);
  });

  it('is known by its service, whichever way the name is written', () => {
    const unit = (): string => 'bridge';
    assert.equal(identify('[clients.a]\nunit = "bridge.service"', { unit }), 'a profile-scoped');
    assert.equal(identify('[clients.a]\nunit = "bridge"', { unit }), 'a profile-scoped');
    assert.equal(identify('[clients.a]\nunit = "bridge2"', { unit }), undefined);
    assert.equal(identify('[clients.a]\nunit = "bridge"', {}), undefined);
  });

  it('is known by its key in upper or lower case', () => {
    assert.equal(identify(`[clients.a]\nkey = "${key.toUpperCase()}"`, { publicKeyHex: key }), 'a profile-scoped');
    assert.equal(identify(`[clients.a]\nkey = "${key}"`, {}), undefined);
  });

  it('passes for a keyed client as long as its key is not known', () => {
    const configuration = workplace.load({ 'etc/config.toml': `[clients.a]\nkey = "${key}"` });
    assert.equal(identifyClient(configuration, { uid: 1, gid: 1, groups: [] }, daemonUid)?.name, 'a');
  });

  it('must meet all criteria of a client', () => {
    const clients = '[clients.a]\nuid = 1000\ngid = 50';
    assert.equal(identify(clients, { gid: 50 }), 'a profile-scoped');
    assert.equal(identify(clients, {}), undefined);
    assert.equal(identify(clients, { uid: 1001, gid: 50 }), undefined);
  });

  it('is the most specific of the clients that it matches, wherever they stand', () => {
    const clients = [
      '[clients.g]\ngid = 1000\n',
      '[clients.u]\nuid = 1000\n',
      '[clients.s]\nunit = "x"\n',
      `[clients.k]\nkey = "${key}"\n`,
    ];
    const peer = { unit: () => 'x', publicKeyHex: key };
    for (const order of [clients, clients.toReversed()]) {
      assert.equal(identify(order.join(''), peer), 'k profile-scoped');
      assert.equal(identify(order.filter((each) => !each.includes('key')).join(''), peer), 's profile-scoped');
      assert.equal(identify(order.filter((each) => /[ug]id/.test(each)).join(''), peer), 'u profile-scoped');
    }
    assert.equal(identify('[clients.u]\nuid = 1000\n[clients.both]\nuid = 1000\ngid = 1000', {}), 'both profile-scoped');
  });
});

describe('an account', () => {
  const etc = temporaryDirectory();
  writeFileSync(
    join(etc, 'passwd'),
    'root:x:0:0:root:/root:/bin/sh\n# mqtt:x:1:1\nbroken\nodd:x:12a:1\nmqtt:x:1042:1042::/:/bin/false\n',
  );

  it('has the number of its line', () => assert.equal(accountId('passwd', 'mqtt', etc), 1042));

  it('has none when its line has no number', () => assert.equal(accountId('passwd', 'odd', etc), undefined));

  it('has none when it has no line', () => assert.equal(accountId('passwd', 'broke', etc), undefined));

  it('has none when there is no file, or no file that can be read', () => {
    assert.equal(accountId('group', 'mqtt', etc), undefined);
    mkdirSync(join(etc, 'group'));
    assert.equal(accountId('group', 'mqtt', etc), undefined);
  });
});

describe('the client that is a unit', () => {
  const find = (clients: string, unit = 'bridge') => clientOfUnit(workplace.load({ 'etc/config.toml': clients }), unit)?.name;

  it('is the one that names it, with and without its suffix', () => {
    assert.equal(find('[clients.a]\nunit = "bridge"'), 'a');
    assert.equal(find('[clients.a]\nunit = "bridge.service"'), 'a');
  });

  for (const [because, clients] of [
    ['another unit', '[clients.a]\nunit = "bridges"'],
    ['a user beside the unit', '[clients.a]\nunit = "bridge"\nuid = 0'],
    ['a group beside the unit', '[clients.a]\nunit = "bridge"\ngid = 0'],
    ['a key beside the unit', `[clients.a]\nunit = "bridge"\nkey = "${key}"`],
    ['the user alone, be it root', '[clients.a]\nuid = 0'],
  ] as const)
    it(`is not one that states ${because}`, () => assert.equal(find(clients), undefined));
});
