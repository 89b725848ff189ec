// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withEvidence } from '../../../src/daemons/secrets/evidence.ts';
import { openSecretMemory } from '../../../src/memory/secret-memory.ts';

const memory = openSecretMemory();

/** Runs `withEvidence` on an attachment and gives what each part was, as text. */
async function parts(
  lengths: readonly (readonly [factor: string, length: number])[],
  attached: string | undefined,
): Promise<string[]> {
  const attachment = attached === undefined ? undefined : memory.take(Buffer.from(attached));
  try {
    const described = lengths.map(([factor, length]) => ({ factor, length }));
    return await withEvidence(memory, 'vault-unlock', described, attachment, async (evidence) =>
      evidence.map(({ factor, bytes }) => `${factor} ${bytes.bytes.toString()}`),
    );
  } finally {
    attachment?.release();
  }
}

describe('the evidence in an attachment', () => {
  it('is cut into its parts', async () => {
    assert.deepEqual(
      await parts(
        [
          ['password', 5],
          ['recovery', 3],
        ],
        'helloabc',
      ),
      ['password hello', 'recovery abc'],
    );
  });

  it('is wiped when the work has ended, also when it fails', async () => {
    const before = memory.status().pagesInUse;
    await assert.rejects(
      withEvidence(memory, 'vault-unlock', [{ factor: 'password', length: 1 }], memory.take(Buffer.from('x')), () =>
        Promise.reject(new TypeError('stop')),
      ),
    );
    assert.equal(memory.status().pagesInUse, before + 1, 'only the attachment, which is the caller’s, is left');
  });

  for (const [name, lengths, attached] of [
    ['are too long', [['password', 9]], 'hello'],
    ['are too short', [['password', 2]], 'hello'],
    ['are there without an attachment', [['password', 2]], undefined],
    ['are missing beside an attachment', [], 'hello'],
  ] as const) {
    it(`is refused when its lengths ${name}`, async () => {
      await assert.rejects(parts(lengths, attached), { code: 'message-invalid' });
    });
  }

  it('is refused when a part is empty', async () => {
    await assert.rejects(parts([['password', 0]], undefined), { code: 'message-invalid' });
  });

  it('is refused for a factor that does not exist', async () => {
    await assert.rejects(parts([['retina', 5]], 'hello'), { code: 'factor-unknown' });
  });
});
