// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { systemCalls } from '../../src/daemons/sandbox/system-calls.ts';
import { type Architecture, systemCallNumber } from '../../src/linux/seccomp-numbers.ts';

/** Headers of the kernel, as the Debian package linux-libc-dev has them. */
const headers: Readonly<Record<Architecture, readonly string[]>> = {
  x64: ['/usr/include/x86_64-linux-gnu/asm/unistd_64.h', '/usr/x86_64-linux-gnu/include/asm/unistd_64.h'],
  arm64: ['/usr/include/asm-generic/unistd.h', '/usr/aarch64-linux-gnu/include/asm-generic/unistd.h'],
};

/** On 64-bit machines the generic header gives the calls that have a variant for 32 bits their plain name. */
function numbersIn(path: string): Map<string, number> {
  const lines = readFileSync(path, 'utf8').matchAll(/^#define __NR(?:3264)?_(\w+) (\d+)$/gm);
  return new Map([...lines].map(([, name = '', number]) => [name === 'fstatat' ? 'newfstatat' : name, Number(number)]));
}

for (const architecture of ['x64', 'arm64'] as const) {
  const header = headers[architecture].find((path) => existsSync(path));
  describe(`a number of a system call on ${architecture}`, { skip: header === undefined && 'install linux-libc-dev' }, () => {
    it('is what the headers of the kernel say', () => {
      const numbers = numbersIn(header ?? '');
      for (const { name, on = architecture } of systemCalls) {
        if (on === architecture) assert.equal(systemCallNumber(name, architecture), numbers.get(name), name);
      }
    });
  });
}
