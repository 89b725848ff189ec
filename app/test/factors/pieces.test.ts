// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { defaultVaultSuite } from '../../src/crypto/suite.ts';
import type { FactorContext } from '../../src/factors/factor.ts';
import { combinePieces, newPiece, type Pieces, releasePieces } from '../../src/factors/pieces.ts';
import { memory, reveal } from './fixture.ts';

const context: FactorContext = { memory, profile: 'home', salt: randomBytes(16), suite: defaultVaultSuite };

describe('combining pieces', () => {
  it('in all mode is BLAKE3 derive_key over them in factor order, by b3sum', () => {
    const [password, tpm] = [randomBytes(32), randomBytes(32)];
    // Presented in the other order.
    const pieces: Pieces = new Map([
      ['tpm', memory.take(Buffer.from(tpm))],
      ['password', memory.take(Buffer.from(password))],
    ]);
    const options = ['--derive-key', 'pds v2 combined-master-key home', '--no-names'];
    const expected = execFileSync('b3sum', options, { input: Buffer.concat([password, tpm]), encoding: 'latin1' }).trim();
    assert.equal(reveal(combinePieces(context, 'all', pieces)), expected);
  });

  it('in any mode is the piece itself, in memory of its own', () => {
    const piece = randomBytes(32);
    const pieces: Pieces = new Map([['password', memory.take(Buffer.from(piece))]]);
    const masterKey = combinePieces(context, 'any', pieces);
    releasePieces(pieces);
    assert.equal(reveal(masterKey), piece.toString('hex'));
  });
});

describe('a new piece', () => {
  it('has 32 bytes that differ each time', () => {
    const [one, two] = [reveal(newPiece(memory)), reveal(newPiece(memory))];
    assert.match(one, /^[0-9a-f]{64}$/);
    assert.notEqual(one, two);
  });
});
