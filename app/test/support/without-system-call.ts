// SPDX-License-Identifier: MIT
import { fileURLToPath } from 'node:url';
import { replaceProcess } from '../../src/linux/execute.ts';
import { forbidNewPrivileges } from '../../src/linux/process.ts';
import { installFilter } from '../../src/linux/seccomp.ts';

/** Programs that start the next one on a kernel that, to all appearances, answers a system call with an errno. */
export function withoutSystemCall(number: number, errno: number): string[] {
  return [process.execPath, fileURLToPath(import.meta.url), String(number), String(errno)];
}

/** A filter of one comparison, in the form of struct sock_filter: load the number; is it this one; then the errno; else allow. */
function refusing(number: number, errno: number): Buffer {
  const program = Buffer.alloc(4 * 8);
  const write = (index: number, code: number, ifFalse: number, value: number): void => {
    program.writeUInt16LE(code, index * 8);
    program.writeUInt8(ifFalse, index * 8 + 3);
    program.writeUInt32LE(value, index * 8 + 4);
  };
  write(0, 0x20, 0, 0);
  write(1, 0x15, 1, number);
  write(2, 0x06, 0, 0x0005_0000 | errno);
  write(3, 0x06, 0, 0x7fff_0000);
  return program;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [number = '', errno = '', ...words] = process.argv.slice(2);
  forbidNewPrivileges();
  installFilter(refusing(Number(number), Number(errno)));
  const [program = Buffer.alloc(0), ...rest] = words.map((word) => Buffer.from(word));
  const environment = Object.entries(process.env).map(([name, value]) => Buffer.from(`${name}=${value}`));
  process.stderr.write(`${replaceProcess(program, [program, ...rest], environment)}\n`);
  process.exit(1);
}
