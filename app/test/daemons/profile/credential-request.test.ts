// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../../src/daemons/profile/credential-request.ts';

describe('the address from which systemd asks for a credential', () => {
  it('names unit and credential, as systemd 252 was seen to write it', () => {
    const address = Buffer.from('\0b15924fc883e7eb8/unit/try.service/mqtt.password');
    assert.deepEqual(parseAddress(address), { unit: 'try.service', credential: 'mqtt.password' });
  });

  it('names an instance of a template', () => {
    assert.equal(parseAddress(Buffer.from('\x001/unit/bridge@a.service/x'))?.unit, 'bridge@a.service');
  });

  for (const [because, text] of [
    ['nothing', ''],
    ['a path', '/run/unit/a.service/b'],
    ['something behind it', '\x001/unit/a.service/b/c'],
    ['a second name', '\x001/unit/a.service/b\0c'],
    ['no number', '\0/unit/a.service/b'],
    ['another word than unit', '\x001/user/a.service/b'],
    ['no credential', '\x001/unit/a.service/'],
    ['no unit', '\x001/unit//b'],
    ['a line in front', '\x001\n/unit/a.service/b'],
  ] as const)
    it(`is no such address with ${because}`, () => assert.equal(parseAddress(Buffer.from(text)), undefined));
});
