// SPDX-License-Identifier: MIT
// intruder PID: tries what one process can do to read another, and prints for each try "read" or the name of the errno.
import { closeSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { DataType, define, open } from 'ffi-rs';
import { errnoName } from '../../app/src/linux/libc.ts';

/** sys/ptrace.h, sys/wait.h */
const attach = 16;
const detach = 17;
const waitForAll = 0x4000_0000;

const pid = process.argv[2] ?? '';
const { I32, I64 } = DataType;
open({ library: 'libc', path: '' });

function declare<Return extends DataType>(retType: Return, ...paramsType: DataType[]) {
  return { library: 'libc', retType, paramsType, errno: true as const };
}

const libc = define({ ptrace: declare(I32, I64, I64, I64, I64), waitpid: declare(I32, I64, I64, I64) });

function must({ value, errnoCode }: { value: number; errnoCode: number }): void {
  if (value === -1) throw Object.assign(new Error(), { code: errnoName(errnoCode) });
}

/** The first bytes of every mapping whose line fits; throws what the first one says that cannot be read. */
function readMappings(fits: (line: string) => boolean): void {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n').filter(fits);
  if (lines.length === 0) throw Object.assign(new Error('no mapping fits'), { code: 'none' });
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const line of lines) readSync(memory, Buffer.alloc(64), 0, 64, Number.parseInt(line, 16));
  } finally {
    closeSync(memory);
  }
}

const isSecret = (line: string) => line.includes('secretmem');

const tries: Readonly<Record<string, () => void>> = {
  'its environment': () => readFileSync(`/proc/${pid}/environ`),
  'its open files': () => readlinkSync(`/proc/${pid}/fd/0`),
  'where its memory is': () => readFileSync(`/proc/${pid}/maps`),
  'its memory': () => closeSync(openSync(`/proc/${pid}/mem`, 'r')),
  'its heap': () => readMappings((line) => line.endsWith('[heap]')),
  'its secret pages': () => readMappings((line) => isSecret(line) && line.includes(' r')),
  'its state, as a debugger': () => {
    must(libc.ptrace([attach, Number(pid), 0, 0]));
    must(libc.waitpid([Number(pid), 0, waitForAll]));
    must(libc.ptrace([detach, Number(pid), 0, 0]));
  },
};

function outcomeOf(attempt: () => void): string {
  try {
    attempt();
    return 'read';
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
  }
}

const outcomes = Object.entries(tries).map(([name, attempt]) => [name, outcomeOf(attempt)]);
process.stdout.write(JSON.stringify(Object.fromEntries(outcomes)));
