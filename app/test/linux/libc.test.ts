// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { after, describe, it } from 'node:test';
import { bufferOver, close, describeErrno, mmap, munmap, pageSize, pointerTo, readInto } from '../../src/linux/libc.ts';

describe('calls into libc', () => {
  const zeros = openSync('/dev/zero', 'r');
  after(() => closeSync(zeros));

  it('answer with errno', () => {
    assert.equal(close(-1).errno, constants.errno.EBADF);
  });

  it('know the size of a page', () => {
    assert.equal(String(pageSize()), spawnSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }).stdout.trim());
  });

  it('report a mapping that cannot be', () => {
    assert.equal(mmap(0n, 0, 0, 0x22, -1, 0).errno, constants.errno.EINVAL);
  });

  it('turn a touch of closed memory by the kernel into an error', () => {
    const closed = mmap(0n, pageSize(), 0, 0x22, -1, 0);
    assert.equal(readInto(zeros, closed.value, pageSize()).errno, constants.errno.EFAULT);
    munmap(closed.value, pageSize());
  });

  it('show foreign memory without a copy', () => {
    const open = mmap(0n, pageSize(), 3, 0x22, -1, 0);
    const [one, two] = [bufferOver(pointerTo(open.value), 16), bufferOver(pointerTo(open.value + 8n), 8)];
    one.writeUInt8(7, 8);
    assert.equal(two.readUInt8(0), 7);
    munmap(open.value, pageSize());
  });

  it('name an errno', () => {
    assert.equal(describeErrno(constants.errno.ENOSYS), 'ENOSYS: function not implemented');
  });

  it('number an errno that has no name', () => {
    assert.equal(describeErrno(4000), 'errno 4000: unknown');
  });
});
