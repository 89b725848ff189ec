// SPDX-License-Identifier: MIT
// run-as USER PROGRAM [WORD…]: becomes the program as the user of that number without any group, or for `root-without-ptrace` as root
// without CAP_SYS_PTRACE.
import { replaceProcess } from '../../app/src/linux/execute.ts';
import { prctl, requireSuccess } from '../../app/src/linux/libc.ts';

/** linux/prctl.h, linux/capability.h: what root's programs get is what is in the bounding set. */
const dropFromBoundingSet = 24;
const ptraceCapability = 19;

const [user = '', program = '', ...words] = process.argv.slice(2);
if (user === 'root-without-ptrace') {
  requireSuccess(prctl(dropFromBoundingSet, ptraceCapability).errno, 'prctl');
} else {
  const id = Number(user);
  process.setgroups?.([]);
  process.setgid?.(id);
  process.setuid?.(id);
}
const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ''}`);
const [path = Buffer.alloc(0), ...rest] = [program, program, ...words].map((text) => Buffer.from(text));
const reason = replaceProcess(
  path,
  rest,
  environment.map((text) => Buffer.from(text)),
);
process.stderr.write(`run-as: ${program}: ${reason}\n`);
process.exitCode = 1;
