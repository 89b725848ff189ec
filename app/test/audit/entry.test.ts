// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { actionText, entryLine, longestLine } from '../../src/audit/entry.ts';
import { parseEntry } from '../../src/audit/parsed-entry.ts';
import { operation, requester } from './fixture.ts';

const additional = { boot: 1, boot_id: 'b', monotonic_ms: 5 };
const entry = { sequence: 7, timestampMs: 1.9, previousHash: 'ab', agentId: undefined, additional };

describe('the line of an entry', () => {
  it("has upstream's members in upstream's order, and ours behind them", () => {
    const line = entryLine({ ...entry, action: actionText(operation()), agentId: requester }).toString();
    assert.equal(
      line,
      `{"sequence":7,"timestamp_ms":1,"action":{"SecretOperationAudited":{"action":"get","profile":"device","key":"mqtt/password",` +
        `"requester":"${requester}","requester_name":"telemetry","outcome":"success"}},"prev_hash":"ab","agent_id":"${requester}",` +
        `"boot":1,"boot_id":"b","monotonic_ms":5}\n`,
    );
  });

  it('leaves agent_id out when there is none, as upstream does', () => {
    assert.ok(!entryLine({ ...entry, action: actionText(operation()) }).includes('agent_id'));
  });

  it('never has a time before 1970, which upstream could not read', () => {
    assert.ok(entryLine({ ...entry, timestampMs: -5, action: actionText(operation()) }).includes('"timestamp_ms":0,'));
  });

  it('is one line of JSON and at most as long as a tail can answer, whatever the names hold', () => {
    const name = fc.string({ unit: 'binary', maxLength: 1024 });
    fc.assert(
      fc.property(name, (key) => {
        const line = entryLine({ ...entry, action: actionText(operation(key)) });
        assert.equal(line.indexOf('\n'), line.length - 1);
        assert.ok(line.length <= longestLine);
        assert.equal(JSON.parse(line.toString()).action.SecretOperationAudited.key, key.toWellFormed());
      }),
    );
  });
});

describe('an action', () => {
  it('is refused when an id is not a UUID, which upstream could not read', () => {
    assert.throws(() => actionText({ ProfileActivated: { target: 'device', duration_ms: 1 } }), { code: 'message-invalid' });
  });

  it('is refused when it is longer than a line may be', () => {
    assert.throws(() => actionText(operation('x'.repeat(9000))), { code: 'message-invalid' });
  });

  it('holds no lone surrogate, which upstream could not read', () => {
    assert.ok(actionText(operation('\ud800')).includes('\ufffd'));
  });

  it('holds a duration as a u32', () => {
    assert.ok(actionText({ ProfileActivated: { target: requester, duration_ms: 2 ** 40 } }).includes('4294967295'));
    assert.ok(actionText({ ProfileActivated: { target: requester, duration_ms: -1.5 } }).includes(':0}'));
  });

  it('names an installation as upstream does, with an object as its id', () => {
    const id = { id: requester, org_ns: null, namespace: requester, machine_binding: null };
    const text = actionText({ InstallationCreated: { id, org: null, machine_binding_present: false } });
    assert.deepEqual(JSON.parse(text), { InstallationCreated: { id, org: null, machine_binding_present: false } });
  });
});

describe('a parsed line', () => {
  it('is undefined for what is not an entry', () => {
    for (const text of ['', '{', 'null', '[]', '{}', '{"sequence":0,"prev_hash":"","action":{}}', '{"sequence":1,"action":{}}'])
      assert.equal(parseEntry(Buffer.from(text)), undefined, text);
  });

  it('does not judge the contents of the action', () => {
    assert.equal(parseEntry(Buffer.from('{"sequence":3,"prev_hash":"","action":{"NeverHeardOf":{}}}'))?.sequence, 3);
  });
});
