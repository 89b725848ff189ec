// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeCbor } from '../../src/bus/cbor.ts';
import { longestEncoding } from '../../src/bus/longest-encoding.ts';
import { requestTable } from '../../src/bus/message-table.generated.js';
import { type RequestKind, requests } from '../../src/bus/messages.ts';
import { decodeRequestBody, isRequestKind } from '../../src/bus/validation.ts';

const kinds = Object.keys(requests).filter(isRequestKind);

describe('the longest body of a request', () => {
  it('is known for every kind, and a small part of a frame for what a client of one profile may ask', () => {
    for (const kind of kinds) assert.ok(requestTable[kind].longestBody > 0, kind);
    for (const kind of kinds.filter((each) => requests[each].level === 'profile-scoped'))
      assert.ok(requestTable[kind].longestBody <= 16_384, `${kind}: ${requestTable[kind].longestBody}`);
  });

  const widest = '\u{1F511}';
  const largest: readonly (readonly [RequestKind, unknown])[] = [
    ['profile-list', {}],
    ['secret-get', { profile: 'p'.repeat(64), name: widest.repeat(1024) }],
    ['secret-list', { profile: 'p'.repeat(64), prefix: widest.repeat(1024), after: widest.repeat(1024), limit: 256 }],
    ['bus-subscribe', { kinds: Array.from({ length: 16 }, () => widest.repeat(64)) }],
  ];
  for (const [kind, body] of largest) {
    it(`is not shorter than the largest ${kind} that its schema allows, and hardly longer`, () => {
      const encoded = encodeCbor(body);
      assert.ok(decodeRequestBody(kind, encoded));
      assert.ok(encoded.length <= requestTable[kind].longestBody);
      assert.ok(requestTable[kind].longestBody - encoded.length <= 256);
    });
  }

  it('counts the longer of two alternatives', () => {
    assert.equal(longestEncoding({ anyOf: [{ type: 'null' }, { enum: ['abc', 'a'] }] }), 4);
  });
});
