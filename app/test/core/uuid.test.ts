// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isUuid, uuidBytes, uuidV5, uuidV7 } from '../../src/core/uuid.ts';

describe('uuidV5', () => {
  it('agrees with RFC 9562, appendix A.4', () => {
    assert.equal(uuidV5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com'), '2ed6657d-e927-568b-95e1-2665a8aea6a2');
  });
});

describe('uuidV7', () => {
  it('carries its time as RFC 9562, appendix A.6, has it', () => {
    assert.match(uuidV7(0x017f22e279b0), /^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('is made even when the clock says 1970 or earlier', () => {
    assert.ok(isUuid(uuidV7(0)));
    assert.ok(isUuid(uuidV7(-5)));
  });

  it('differs at the same moment', () => {
    assert.notEqual(uuidV7(1), uuidV7(1));
  });
});

describe('uuidBytes', () => {
  it('refuses what is not a UUID', () => {
    assert.throws(() => uuidBytes('not-a-uuid'), { name: 'AssertionError' });
  });
});
