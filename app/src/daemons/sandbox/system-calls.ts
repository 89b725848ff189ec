// SPDX-License-Identifier: MIT
import type { AllowedCall } from '../../linux/seccomp-filter.ts';
import type { Architecture } from '../../linux/seccomp-numbers.ts';
import { type DaemonName, daemonNames } from '../daemon-name.ts';

/** Until a daemon says that it is ready, and from then on. */
export type Phase = 'starting' | 'ready';

/** An entry of the list; a test runs every function of the product and fails for one that nothing used. */
export interface SystemCallEntry extends AllowedCall {
  /** Not needed any more once the daemon is ready. */
  readonly until?: 'ready';
  /** Absent: all of them. */
  readonly daemons?: readonly DaemonName[];
  /** The architecture whose C library needs it; absent: all. */
  readonly on?: Architecture;
  /** Only where the configuration names an emulator in place of a TPM, which is reached over the network. */
  readonly forEmulatedTpm?: true;
  /** Its first argument is a process, which has to be the daemon itself. */
  readonly onItself?: true;
  /** When it is needed, where the test cannot bring that about. */
  readonly unseen?: string;
}

const [profile, secrets] = daemonNames;

// Constants of the kernel's interface, the same on x86_64 and aarch64.
const afUnix = 1;
const afInet = 2;
const cloneThread = 0x0001_0000;
const cloneMemory = 0x0000_0100;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const cloneNewNamespaces = 0x7e02_0000;
const terminalAttributes = 0x5401;
const nonBlocking = 0x5421;
const setDescriptorFlags = 2;
const getStatusFlags = 3;
const setStatusFlags = 4;
const getLock = 5;
const setLock = 6;
const getDumpable = 3;
const setDumpable = 4;
const setName = 15;
const setMappingName = 0x5356_4d41;
const setModeFilter = 1;
/** The signal that is none. */
const onlyAsking = 0;

/** Refused, it would be taken for an answer. */
const cannotFail = 'whoever asks: no caller expects it to fail';
const aTpm = 'a TPM, when its answer is awaited';
const whereClocksNeedTheKernel = 'a machine whose clock the vDSO cannot read';

/** The order is that of the checks: what is called most comes first. */
export const systemCalls: readonly SystemCallEntry[] = [
  // The event loop and threads
  { name: 'futex' },
  { name: 'read' },
  { name: 'write' },
  { name: 'epoll_pwait' },
  { name: 'poll', on: 'x64', daemons: [secrets], unseen: aTpm },
  { name: 'ppoll', on: 'arm64', daemons: [secrets], unseen: aTpm },
  { name: 'epoll_ctl' },
  { name: 'restart_syscall', unseen: 'a timed wait that a stop interrupts' },
  { name: 'rt_sigreturn' },
  { name: 'rt_sigaction' },
  { name: 'rt_sigprocmask' },
  { name: 'clock_gettime', unseen: whereClocksNeedTheKernel },
  { name: 'gettimeofday', unseen: whereClocksNeedTheKernel },
  { name: 'clock_getres', unseen: whereClocksNeedTheKernel, until: 'ready' },
  { name: 'clock_nanosleep', daemons: [secrets] },
  { name: 'clone', when: [{ argument: 0, mask: cloneThread | cloneMemory | cloneNewNamespaces, is: cloneThread | cloneMemory }] },
  { name: 'rseq' },
  { name: 'set_robust_list' },
  { name: 'sched_getaffinity', daemons: [secrets] },
  { name: 'sched_getaffinity', daemons: [profile], until: 'ready' },
  { name: 'sched_getaffinity', daemons: [profile], unseen: 'V8, before it makes its first thread for collecting garbage' },
  { name: 'exit' },
  { name: 'exit_group' },
  { name: 'eventfd2', until: 'ready' },
  { name: 'epoll_create1', until: 'ready' },
  { name: 'pipe2', until: 'ready' },
  { name: 'gettid', until: 'ready' },
  {
    name: 'tgkill',
    onItself: true,
    until: 'ready',
    unseen: 'a SIGTERM that arrives before there is a handler: Node raises it again',
  },

  // Memory
  { name: 'mmap' },
  { name: 'munmap' },
  { name: 'mprotect' },
  { name: 'madvise' },
  { name: 'brk' },
  { name: 'memfd_secret' },
  { name: 'mlock', unseen: 'a kernel without memfd_secret' },
  { name: 'ftruncate' },

  // Files, as far as Landlock lets through
  { name: 'openat' },
  { name: 'open', on: 'x64', daemons: [secrets], until: 'ready' },
  { name: 'close' },
  { name: 'newfstatat' },
  { name: 'fstat' },
  { name: 'statx' },
  { name: 'access', on: 'x64' },
  { name: 'faccessat', on: 'arm64' },
  { name: 'readlink', on: 'x64', until: 'ready' },
  { name: 'readlink', on: 'x64', daemons: [secrets], unseen: aTpm },
  { name: 'readlinkat', on: 'arm64', until: 'ready' },
  { name: 'readlinkat', on: 'arm64', daemons: [secrets], unseen: aTpm },
  { name: 'getdents64' },
  { name: 'lseek', daemons: [secrets] },
  { name: 'lseek', daemons: [profile], until: 'ready' },
  { name: 'pread64' },
  { name: 'pwrite64' },
  { name: 'fsync' },
  { name: 'fdatasync', daemons: [profile] },
  { name: 'fchmod' },
  { name: 'fchown', daemons: [secrets] },
  { name: 'rename', on: 'x64' },
  { name: 'renameat', on: 'arm64' },
  { name: 'unlink', on: 'x64' },
  { name: 'unlinkat', on: 'arm64' },
  { name: 'mkdir', on: 'x64', daemons: [secrets] },
  { name: 'mkdirat', on: 'arm64', daemons: [secrets] },
  { name: 'rmdir', on: 'x64', daemons: [secrets] },
  { name: 'chmod', on: 'x64', daemons: [profile], until: 'ready' },
  { name: 'fchmodat', on: 'arm64', daemons: [profile], until: 'ready' },
  { name: 'flock', until: 'ready' },
  {
    name: 'fcntl',
    when: [{ argument: 1, oneOf: [getStatusFlags, setStatusFlags, setDescriptorFlags, setLock, getLock] }],
  },
  { name: 'ioctl', when: [{ argument: 1, oneOf: [terminalAttributes, nonBlocking] }], until: 'ready' },
  { name: 'ioctl', when: [{ argument: 1, oneOf: [nonBlocking] }], daemons: [secrets] },
  { name: 'inotify_init1', until: 'ready' },
  { name: 'inotify_add_watch' },
  { name: 'inotify_rm_watch' },

  // Unix sockets
  { name: 'socket', when: [{ argument: 0, oneOf: [afUnix] }] },
  { name: 'socket', when: [{ argument: 0, oneOf: [afInet] }], daemons: [secrets], forEmulatedTpm: true },
  { name: 'connect', daemons: [secrets] },
  { name: 'connect', daemons: [profile], until: 'ready' },
  { name: 'getsockopt' },
  { name: 'getsockname', daemons: [secrets] },
  { name: 'getsockname', daemons: [profile], until: 'ready' },
  { name: 'shutdown' },
  { name: 'sendto' },
  { name: 'writev' },
  { name: 'accept4', daemons: [profile] },
  { name: 'getpeername', daemons: [profile] },
  { name: 'pidfd_send_signal', when: [{ argument: 1, oneOf: [onlyAsking] }], daemons: [profile] },
  { name: 'pidfd_open', daemons: [profile], unseen: 'a kernel before 6.5, which cannot give the process at the other end' },
  { name: 'bind', daemons: [profile], until: 'ready' },
  { name: 'listen', daemons: [profile], until: 'ready' },

  // About itself
  { name: 'getpid' },
  { name: 'getuid', unseen: cannotFail },
  { name: 'geteuid', unseen: cannotFail },
  { name: 'getgid', unseen: cannotFail },
  { name: 'getegid', unseen: cannotFail },
  { name: 'capget', until: 'ready' },
  { name: 'uname', until: 'ready' },
  { name: 'sysinfo', until: 'ready' },
  { name: 'umask', until: 'ready' },
  { name: 'getrandom', unseen: 'OpenSSL, which seeds its generator again every hour' },
  { name: 'prlimit64', when: [{ argument: 0, oneOf: [0] }] },
  { name: 'prctl', when: [{ argument: 0, oneOf: [setName, getDumpable, setMappingName] }] },
  {
    name: 'prctl',
    when: [
      { argument: 0, oneOf: [setDumpable] },
      { argument: 1, oneOf: [0] },
    ],
    until: 'ready',
  },

  // Becoming the daemon, and giving up the rest
  { name: 'execve', until: 'ready' },
  { name: 'arch_prctl', on: 'x64', until: 'ready' },
  { name: 'set_tid_address', until: 'ready' },
  { name: 'seccomp', when: [{ argument: 0, oneOf: [setModeFilter] }], until: 'ready' },
];

/** Which part of the list holds. */
export interface Circumstances {
  readonly daemon: DaemonName;
  readonly phase: Phase;
  readonly emulatedTpm: boolean;
  /** Of the daemon, which keeps the one that it had before it replaced itself. */
  readonly pid: number;
}

/** What a daemon may call on an architecture. */
export function callsOf({ daemon, phase, emulatedTpm, pid }: Circumstances, architecture: Architecture): SystemCallEntry[] {
  return systemCalls
    .filter(
      ({ daemons, until, on, forEmulatedTpm = false }) =>
        (daemons?.includes(daemon) ?? true) &&
        (phase === 'starting' || until === undefined) &&
        (on ?? architecture) === architecture &&
        (emulatedTpm || !forEmulatedTpm),
    )
    .map((entry) => (entry.onItself === true ? { ...entry, when: [{ argument: 0, oneOf: [pid] }] } : entry));
}
