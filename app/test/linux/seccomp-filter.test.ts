// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import { type AllowedCall, compileFilter } from '../../src/linux/seccomp-filter.ts';

const x86 = 0xc000_003e;
const arm = 0xc000_00b7;
const allow = 0x7fff_0000;
const kill = 0x8000_0000;
const failWith = (errno: number) => 0x0005_0000 | errno;
const { ENOSYS, EPERM } = constants.errno;

/** What a filter answers, by the rules of classic BPF that the kernel checks a filter by (linux/filter.h). */
function answer(program: Buffer, number: number, args: readonly number[] = [], architecture = x86): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number, 0);
  data.writeUInt32LE(architecture, 4);
  for (const [index, value] of args.entries()) data.writeBigUInt64LE(BigInt(value), 16 + 8 * index);
  let accumulator = 0;
  for (let at = 0; at < program.length; at += 8) {
    const value = program.readUInt32LE(at + 4);
    const jump = (condition: boolean): number => 8 * program.readUInt8(at + (condition ? 2 : 3));
    switch (program.readUInt16LE(at)) {
      case 0x20:
        accumulator = data.readUInt32LE(value);
        break;
      case 0x54:
        accumulator = (accumulator & value) >>> 0;
        break;
      case 0x15:
        at += jump(accumulator === value);
        break;
      case 0x35:
        at += jump(accumulator >= value);
        break;
      case 0x06:
        return value;
      default:
        assert.fail(`an instruction that is none of these, at ${at / 8}`);
    }
  }
  return assert.fail('the program runs off its end');
}

const read = 0;
const socket = 41;
const clone = 56;
const prctl = 157;

const list: readonly AllowedCall[] = [
  { name: 'read' },
  { name: 'socket', when: [{ argument: 0, oneOf: [1, 3] }] },
  { name: 'clone', when: [{ argument: 0, mask: 0x0101_0000, is: 0x0001_0000 }] },
  {
    name: 'prctl',
    when: [
      { argument: 0, oneOf: [4] },
      { argument: 1, oneOf: [0] },
    ],
  },
  { name: 'prctl', when: [{ argument: 0, oneOf: [15] }] },
];

describe('a filter', () => {
  const filter = compileFilter(list, 'x64');

  it('lets through what is on the list', () => {
    assert.equal(answer(filter, read), allow);
  });

  it('refuses everything else with EPERM', () => {
    assert.equal(answer(filter, 59), failWith(EPERM));
  });

  it('pretends that the kernel is older where a program has another way', () => {
    const clone3 = 435;
    assert.equal(answer(filter, clone3), failWith(ENOSYS));
    assert.equal(answer(filter, 424), failWith(ENOSYS));
    assert.equal(answer(filter, 423), failWith(EPERM));
  });

  it('takes any of several values of an argument, and no other', () => {
    assert.deepEqual(
      [1, 3].map((domain) => answer(filter, socket, [domain])),
      [allow, allow],
    );
    assert.deepEqual(
      [0, 2, 4].map((domain) => answer(filter, socket, [domain])),
      Array(3).fill(failWith(EPERM)),
    );
  });

  it('looks at no more of an argument than the kernel does', () => {
    assert.equal(answer(filter, socket, [0x1_0000_0001]), allow);
  });

  it('takes flags under a mask', () => {
    assert.equal(answer(filter, clone, [0x0001_00ff]), allow);
    assert.equal(answer(filter, clone, [0x0101_00ff]), failWith(EPERM));
    assert.equal(answer(filter, clone, [0x00ff]), failWith(EPERM));
  });

  it('wants all conditions of an entry, and one entry of several for the same call', () => {
    assert.equal(answer(filter, prctl, [4, 0]), allow);
    assert.equal(answer(filter, prctl, [4, 1]), failWith(EPERM));
    assert.equal(answer(filter, prctl, [15, 1]), allow);
    assert.equal(answer(filter, prctl, [16, 0]), failWith(EPERM));
  });

  it('ends a process that calls in the manner of another architecture', () => {
    assert.equal(answer(filter, read, [], arm), kill);
    assert.equal(answer(filter, read, [], 0x4000_0003), kill);
    assert.equal(answer(filter, 0x4000_0000 | read), kill);
  });

  it('has the numbers of its architecture', () => {
    assert.equal(answer(compileFilter(list, 'arm64'), 63, [], arm), allow);
    assert.equal(answer(compileFilter(list, 'arm64'), read, [], arm), failWith(EPERM));
  });

  it('leaves out what its architecture does not have', () => {
    assert.deepEqual(compileFilter([{ name: 'open' }], 'arm64'), compileFilter([], 'arm64'));
  });
});
