// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pageBytes } from '../../src/memory/guarded-mapping.ts';
import { runModule, withLockLimit } from '../support/child.ts';
import { memfdSecretMissing } from './fixtures/support.ts';

const limit = 16 * pageBytes;

function underLimit(body: string, bytes = limit): unknown {
  const ended = runModule(
    `import { readFileSync } from 'node:fs';
     import { openSecretMemory } from '${import.meta.resolve('../../src/memory/secret-memory.ts')}';
     const pageBytes = ${pageBytes};
     const mapped = () => Number.parseInt(readFileSync('/proc/self/statm', 'utf8'));
     const locked = () => Number(/VmLck:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
     const codeOf = (action) => { try { action(); return 'done'; } catch (thrown) { return thrown.code ?? String(thrown); } };
     ${body}`,
    { through: withLockLimit(bytes) },
  );
  assert.equal(ended.signal, null, `killed by ${ended.signal}`);
  assert.equal(ended.status, 0, ended.stderr);
  return JSON.parse(ended.stdout);
}

for (const protection of ['memfd_secret', 'mlock'] as const) {
  const open = `const memory = openSecretMemory({ forceFallback: ${protection === 'mlock'} });`;

  describe(`the limit of locked memory with ${protection}`, { skip: protection === 'memfd_secret' && memfdSecretMissing }, () => {
    it('is an error when it is used up, not a signal', () => {
      const answer = underLimit(`${open}
        const held = [];
        const code = codeOf(() => { for (;;) held.push(memory.allocate(1)); });
        console.log(JSON.stringify({ code, pages: held.length }));`);
      assert.deepEqual(answer, { code: 'secret-memory-exhausted', pages: 16 });
    });

    it('names the length and the limit', () => {
      const answer = underLimit(`${open}
        let message; try { memory.allocate(17 * pageBytes); } catch (thrown) { message = thrown.message; }
        console.log(JSON.stringify(message));`);
      assert.match(
        String(answer),
        new RegExp(`\\b${17 * pageBytes} bytes were asked for .* limit of locked memory is ${limit} bytes`),
      );
    });

    it('leaves nothing mapped or locked by the attempt', () => {
      const attempts = 3000;
      const answer = underLimit(`${open}
        const before = mapped();
        for (let round = 0; round < ${attempts}; round += 1) codeOf(() => memory.allocate(17 * pageBytes));
        // Each attempt reserves 19 pages; what the errors cost is far less than one page for each.
        console.log(JSON.stringify({ leaked: mapped() - before > ${attempts}, locked: locked(), pages: memory.status().pagesInUse }));`);
      assert.deepEqual(answer, { leaked: false, locked: 0, pages: 0 });
    });

    it('does not stop what is small enough after the attempt', () => {
      const answer = underLimit(`${open}
        codeOf(() => memory.allocate(17 * pageBytes));
        console.log(JSON.stringify(codeOf(() => memory.allocate(16 * pageBytes))));`);
      assert.equal(answer, 'done');
    });

    it('takes pages from the pool for a secret that needs them', () => {
      const answer = underLimit(`${open}
        const held = Array.from({ length: 8 }, () => memory.allocate(1));
        for (const secret of held) secret.release();
        console.log(JSON.stringify(codeOf(() => memory.allocate(16 * pageBytes))));`);
      assert.equal(answer, 'done');
    });

    it('wipes a source that there was no room for', () => {
      const answer = underLimit(`${open}
        const source = Buffer.alloc(17 * pageBytes, 1);
        codeOf(() => memory.take(source));
        console.log(JSON.stringify(source.every((byte) => byte === 0)));`);
      assert.equal(answer, true);
    });

    it('may be zero, and then nothing is allocated', () => {
      const answer = underLimit(`${open} console.log(JSON.stringify(codeOf(() => memory.allocate(1))));`, 0);
      assert.equal(answer, 'secret-memory-exhausted');
    });
  });
}
