// SPDX-License-Identifier: MIT
import { constants } from 'node:os';
import { isSet, type KernelFacts, kernel, kernelVersion, type Missing } from './kernel-facts.ts';
import { oldestLandlock } from './landlock.ts';
import { describeErrno } from './libc.ts';

const { EINVAL, ENOSYS, EOPNOTSUPP } = constants.errno;

/**
 * Why Landlock does not hold here, and what brings it.
 * @param errno of the call that failed, or 0 when the kernel's version of Landlock is too old
 */
export function explainMissingLandlock(errno: number, abi: number, facts: KernelFacts): Missing {
  if (errno === 0) {
    return {
      cause: `the kernel ${facts.release} has version ${abi} of Landlock, under which no file can be renamed into another directory`,
      remedy: `use a kernel of 5.19 or newer, which has version ${oldestLandlock}`,
    };
  }
  if (errno === EOPNOTSUPP) {
    return {
      cause: 'Landlock is built into the kernel and not switched on at boot',
      remedy: 'put landlock first into CONFIG_LSM, or into lsm= on the kernel command line',
    };
  }
  if (errno !== ENOSYS)
    return refused('Landlock', errno, 'landlock_create_ruleset (444), landlock_add_rule and landlock_restrict_self');
  const version = kernelVersion(facts.release);
  if (version !== undefined && version < kernel(5, 13)) {
    return {
      cause: `the kernel ${facts.release} is older than 5.13, which brought Landlock`,
      remedy: 'use a kernel of 5.19 or newer',
    };
  }
  return notBuiltIn('CONFIG_SECURITY_LANDLOCK', 'Landlock', facts);
}

/** Why seccomp does not hold here, and what brings it. */
export function explainMissingSeccomp(errno: number, facts: KernelFacts): Missing {
  if (errno === EINVAL) return notBuiltIn('CONFIG_SECCOMP_FILTER', 'filters for system calls', facts);
  if (errno === ENOSYS) return notBuiltIn('CONFIG_SECCOMP', 'seccomp', facts);
  return refused('seccomp', errno, 'seccomp');
}

/** What a version of Landlock leaves open that a newer one closes, and seccomp does not close either; undefined for none. */
export function uncovered(abi: number): Missing | undefined {
  if (abi >= 6) return undefined;
  return {
    cause: `version ${abi} of Landlock leaves abstract Unix sockets of others within reach`,
    remedy: 'use a kernel of 6.12 or newer, which has version 6',
  };
}

function notBuiltIn(option: string, what: string, { configuration, release }: KernelFacts): Missing {
  const known = configuration !== undefined && !isSet(configuration, option);
  return {
    cause: known ? `the kernel ${release} was built without ${option}` : `the kernel ${release} has no ${what}`,
    remedy: `build it with ${option}=y`,
  };
}

function refused(what: string, errno: number, calls: string): Missing {
  return {
    cause: `the kernel refuses ${what} with ${describeErrno(errno)}, as a sandbox around this one does`,
    remedy: `allow the system calls ${calls} in the system call filter of this service`,
  };
}
