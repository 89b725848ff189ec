// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { systemErrorCode } from '../../src/core/errors.ts';
import { GuardedMapping, pageBytes } from '../../src/memory/guarded-mapping.ts';
import type { Protection } from '../../src/memory/secret-bytes.ts';
import { runModule } from '../support/child.ts';
import { memfdSecretMissing } from './fixtures/support.ts';

const zeros = openSync('/dev/zero', 'r');
after(() => closeSync(zeros));

function create(protection: Protection, pages = 1): GuardedMapping {
  const mapping = GuardedMapping.create(protection, pages, zeros);
  assert.ok(mapping !== undefined);
  return mapping;
}

/** The lines of /proc/self/smaps about the region at an address. */
function regionAt(address: bigint): string {
  const regions = readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  return regions.find((region) => region.startsWith(address.toString(16))) ?? '';
}

function readThroughProc(address: bigint): Buffer {
  const memory = openSync('/proc/self/mem', 'r');
  try {
    const bytes = Buffer.alloc(16);
    readSync(memory, bytes, 0, bytes.length, address);
    return bytes;
  } finally {
    closeSync(memory);
  }
}

function touch(protection: Protection, offset: string): ReturnType<typeof runModule> {
  return runModule(`
    import { openSync } from 'node:fs';
    import { bufferOver, pointerTo } from '${import.meta.resolve('../../src/linux/libc.ts')}';
    import { GuardedMapping, pageBytes } from '${import.meta.resolve('../../src/memory/guarded-mapping.ts')}';
    const mapping = GuardedMapping.create('${protection}', 2, openSync('/dev/zero', 'r'));
    console.log('mapped');
    console.log(bufferOver(pointerTo(mapping.start + BigInt(${offset})), 1)[0]);
  `);
}

for (const protection of ['memfd_secret', 'mlock'] as const) {
  describe(`a guarded mapping of ${protection}`, { skip: protection === 'memfd_secret' && memfdSecretMissing }, () => {
    it('is writable over its whole length', () => {
      const mapping = create(protection, 3);
      const pages = mapping.open();
      pages.fill(0xa5);
      assert.ok(pages.equals(Buffer.alloc(3 * pageBytes, 0xa5)));
      mapping.unmap();
    });

    it('starts as zeros', () => {
      const mapping = create(protection, 2);
      assert.ok(mapping.open().equals(Buffer.alloc(2 * pageBytes)));
      mapping.unmap();
    });

    it('lets its last byte be touched', () => {
      const ended = touch(protection, '2 * pageBytes - 1');
      assert.equal(ended.stdout, 'mapped\n0\n');
    });

    it('kills the process that reads over its end', () => {
      const ended = touch(protection, '2 * pageBytes');
      assert.equal(ended.stdout, 'mapped\n');
      assert.equal(ended.signal, 'SIGSEGV');
    });

    it('kills the process that reads before its start', () => {
      const ended = touch(protection, '-1');
      assert.equal(ended.stdout, 'mapped\n');
      assert.equal(ended.signal, 'SIGSEGV');
    });

    it('has every page present before anybody touches one', () => {
      const mapping = create(protection, 3);
      assert.match(regionAt(mapping.start), new RegExp(`^Rss: +${(3 * pageBytes) / 1024} kB`, 'm'));
      mapping.unmap();
    });

    it('is in no core dump', () => {
      const mapping = create(protection);
      assert.match(regionAt(mapping.start), /^VmFlags:.* dd\b/m);
      mapping.unmap();
    });

    it('is never swapped out', () => {
      const mapping = create(protection);
      assert.match(regionAt(mapping.start), /^VmFlags:.* lo\b/m);
      mapping.unmap();
    });

    it('is gone from a forked child', () => {
      const mapping = create(protection);
      assert.match(regionAt(mapping.start), protection === 'mlock' ? /^VmFlags:.* wf\b/m : /^VmFlags:.* dc\b/m);
      mapping.unmap();
    });

    it('leaves nothing mapped behind', () => {
      const mapping = create(protection);
      mapping.unmap();
      assert.equal(regionAt(mapping.start - BigInt(pageBytes)), '');
    });
  });
}

describe('what /proc/self/mem shows', () => {
  it('is an error for memfd_secret', { skip: memfdSecretMissing }, () => {
    const mapping = create('memfd_secret');
    assert.throws(
      () => readThroughProc(mapping.start),
      (thrown) => systemErrorCode(thrown) === 'EIO',
    );
    mapping.unmap();
  });

  it('is the bytes for mlock, so the test above could have failed', () => {
    const mapping = create('mlock');
    mapping.open().fill(0x5a);
    assert.deepEqual(readThroughProc(mapping.start), Buffer.alloc(16, 0x5a));
    mapping.unmap();
  });
});

describe('a guarded mapping that fails for want of a descriptor', { skip: memfdSecretMissing }, () => {
  const attempts = 20_000;
  // Opens descriptors until there are none, tries, and reports what was said and by how many pages the process has grown.
  const ended = runModule(
    `import { openSync, readSync } from 'node:fs';
     import { GuardedMapping } from '${import.meta.resolve('../../src/memory/guarded-mapping.ts')}';
     const statm = openSync('/proc/self/statm', 'r');
     const zeros = openSync('/dev/zero', 'r');
     const mapped = () => {
       const text = Buffer.alloc(256);
       readSync(statm, text, 0, 256, 0);
       return Number.parseInt(text.toString());
     };
     try { for (;;) openSync('/dev/zero', 'r'); } catch {}
     const before = mapped();
     const messages = new Set();
     for (let round = 0; round < ${attempts}; round += 1) {
       try { GuardedMapping.create('memfd_secret', 1, zeros); } catch (thrown) { messages.add(thrown.message); }
     }
     console.log(JSON.stringify({ messages: [...messages], growth: mapped() - before }));`,
    { through: ['prlimit', '--nofile=64:64'] },
  );

  it('says which call failed and why', () => {
    assert.match(
      ended.stdout,
      /"secret memory could not be mapped: memfd_secret answers EMFILE: too many open files/,
      ended.stderr,
    );
  });

  it('leaves nothing mapped', () => {
    const { growth } = JSON.parse(ended.stdout);
    // Each attempt reserves three pages. What the garbage of 20,000 errors adds is far less.
    assert.ok(growth < attempts, `${growth} pages more after ${attempts} attempts`);
  });
});
