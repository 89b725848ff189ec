// SPDX-License-Identifier: MIT
import { assert } from '../core/errors.ts';
import { type Architecture, type SystemCall, systemCallNumber } from './seccomp-numbers.ts';

/** What the low 32 bits of an argument must be, counted from 0: the kernel reads no more of an int or of flags. */
export type Condition =
  | { readonly argument: number; readonly oneOf: readonly number[] }
  /** The bits under the mask, which also says which are looked at. */
  | { readonly argument: number; readonly mask: number; readonly is: number };

/** A system call that is let through, if all conditions hold. */
export interface AllowedCall {
  readonly name: SystemCall;
  readonly when?: readonly Condition[];
}

/** One instruction of classic BPF; a jump counts the instructions that it leaps over. */
interface Instruction {
  readonly code: number;
  readonly value: number;
  readonly ifTrue?: number;
  readonly ifFalse?: number;
}

// linux/bpf_common.h
const loadWord = 0x20;
const and = 0x54;
const jumpIfEqual = 0x15;
const jumpIfAtLeast = 0x35;
const answer = 0x06;

// linux/seccomp.h: struct seccomp_data, and what a filter answers
const numberOffset = 0;
const architectureOffset = 4;
const argumentsOffset = 16;
const allow = 0x7fff_0000;
const failWith = 0x0005_0000;
const killProcess = 0x8000_0000;

// errno(3)
const notPermitted = 1;
const notImplemented = 38;

/** linux/audit.h */
const auditArchitecture: Readonly<Record<Architecture, number>> = { x64: 0xc000_003e, arm64: 0xc000_00b7 };

/** x86_64: system calls of its ABI with 32-bit pointers have this bit. */
const x32Bit = 0x4000_0000;

/**
 * The first number of a system call that came after Linux 5.0, the same on every architecture from here on. Programs cannot count on these
 * and have another way, which they only take when the kernel says that it knows no such call.
 */
const firstOptional = 424;

const instructionLength = 8;

/**
 * Compiles a list of what is allowed to a seccomp filter (seccomp(2); struct sock_filter). Everything else is refused with EPERM, or with
 * ENOSYS where a program must do without it on older kernels. Calls of another architecture's ABI, whose numbers mean something else,
 * end the process.
 * @param allowed entries of one name are alternatives; those that the architecture does not have are left out
 */
export function compileFilter(allowed: readonly AllowedCall[], architecture: Architecture): Buffer {
  const instructions: Instruction[] = [
    load(architectureOffset),
    { code: jumpIfEqual, value: auditArchitecture[architecture], ifTrue: 1 },
    { code: answer, value: killProcess },
    load(numberOffset),
    { code: jumpIfAtLeast, value: x32Bit, ifFalse: 1 },
    { code: answer, value: killProcess },
    ...allowed.flatMap((call) => checkCall(call, architecture)),
    { code: jumpIfAtLeast, value: firstOptional, ifFalse: 1 },
    { code: answer, value: failWith | notImplemented },
    { code: answer, value: failWith | notPermitted },
  ];
  return encode(instructions);
}

/** Answers "allow", or goes on behind its last instruction with the number loaded again. */
function checkCall({ name, when = [] }: AllowedCall, architecture: Architecture): Instruction[] {
  const number = systemCallNumber(name, architecture);
  if (number === undefined) return [];
  let checks: Instruction[] = [{ code: answer, value: allow }];
  for (const condition of when.toReversed()) checks = checkCondition(condition, checks.length).concat(checks);
  const body = when.length === 0 ? checks : [...checks, load(numberOffset)];
  return [{ code: jumpIfEqual, value: number, ifFalse: body.length }, ...body];
}

/** @param rest how many instructions to leap over when the condition does not hold */
function checkCondition(condition: Condition, rest: number): Instruction[] {
  const argument = load(argumentsOffset + 8 * condition.argument);
  if ('mask' in condition) {
    const { mask, is } = condition;
    return [argument, { code: and, value: mask }, { code: jumpIfEqual, value: is, ifFalse: rest }];
  }
  const values = condition.oneOf;
  const comparisons = values.map((value, index): Instruction => {
    const after = values.length - 1 - index;
    return { code: jumpIfEqual, value, ifTrue: after, ifFalse: after === 0 ? rest : 0 };
  });
  return [argument, ...comparisons];
}

function load(offset: number): Instruction {
  return { code: loadWord, value: offset };
}

/** struct sock_filter: 16 bits of code, two jumps of 8 bits, 32 bits of value, in the byte order of both architectures. */
function encode(instructions: readonly Instruction[]): Buffer {
  const program = Buffer.alloc(instructions.length * instructionLength);
  for (const [index, { code, value, ifTrue = 0, ifFalse = 0 }] of instructions.entries()) {
    assert(ifTrue <= 255 && ifFalse <= 255, 'a jump fits into its byte');
    const offset = index * instructionLength;
    program.writeUInt16LE(code, offset);
    program.writeUInt8(ifTrue, offset + 2);
    program.writeUInt8(ifFalse, offset + 3);
    program.writeUInt32LE(value >>> 0, offset + 4);
  }
  return program;
}
