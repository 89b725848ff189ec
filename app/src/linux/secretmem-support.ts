// SPDX-License-Identifier: MIT
import { constants } from 'node:os';
import { isSet, type KernelFacts, kernel, kernelVersion, type Missing, parameter } from './kernel-facts.ts';
import { describeErrno } from './libc.ts';

const general = 'use a kernel of 5.14 or newer with CONFIG_SECRETMEM=y';

/**
 * Why memfd_secret(2) is refused and what brings it, as specific as the facts allow.
 * @param errno what the call answered
 */
export function explainMissingMemfdSecret(errno: number, facts: KernelFacts): Missing {
  if (errno !== constants.errno.ENOSYS) {
    return {
      cause: `the kernel refuses memfd_secret with ${describeErrno(errno)}, as a sandbox does`,
      remedy: 'allow the system call memfd_secret (447) in the system call filter of this service',
    };
  }
  return (
    tooOld(facts) ??
    notBuiltIn(facts) ??
    switchedOff(facts) ??
    fixedDirectMap(facts) ?? {
      cause: `the kernel ${facts.release} does not know memfd_secret, and does not tell why; an emulator has none either`,
      remedy: `${general}, and secretmem.enable=1 on its command line for 5.14 to 6.4`,
    }
  );
}

function tooOld({ release, architecture }: KernelFacts): Missing | undefined {
  if (architecture === 'arm') {
    return { cause: 'memfd_secret does not exist on 32-bit ARM', remedy: 'run a 64-bit kernel and system' };
  }
  const version = kernelVersion(release);
  if (version === undefined || version >= kernel(5, 14)) return undefined;
  return { cause: `the kernel ${release} is older than 5.14, which brought memfd_secret`, remedy: general };
}

function notBuiltIn({ configuration, release }: KernelFacts): Missing | undefined {
  if (configuration === undefined || isSet(configuration, 'CONFIG_SECRETMEM')) return undefined;
  return { cause: `the kernel ${release} was built without CONFIG_SECRETMEM`, remedy: 'build it with CONFIG_SECRETMEM=y' };
}

/** mm/secretmem.c: off unless asked for from 5.14, on unless refused from 6.5. */
function switchedOff({ release, commandLine }: KernelFacts): Missing | undefined {
  const asked = parameter(commandLine, 'secretmem.enable');
  if (asked !== undefined && /^(0|n|off)/i.test(asked)) {
    return {
      cause: `secretmem.enable=${asked} on the kernel command line switches memfd_secret off`,
      remedy: 'put secretmem.enable=1 there',
    };
  }
  const version = kernelVersion(release);
  if (asked !== undefined || version === undefined || version >= kernel(6, 5)) return undefined;
  return {
    cause: `the kernel ${release} keeps memfd_secret switched off unless told otherwise`,
    remedy: 'add secretmem.enable=1 to the kernel command line',
  };
}

/**
 * arch/arm64/mm/pageattr.c, can_set_direct_map: pages can only leave the direct map where it is mapped page by page. Linux 6.18 made that
 * the default and the meaning of rodata=on, and took the option away.
 */
function fixedDirectMap({ release, architecture, commandLine, configuration }: KernelFacts): Missing | undefined {
  if (architecture !== 'arm64') return undefined;
  const version = kernelVersion(release);
  const byDefault = version !== undefined && version >= kernel(6, 18);
  const rodata = parameter(commandLine, 'rodata');
  if (rodata === 'full' || (byDefault && rodata === 'on')) return undefined;
  if (rodata !== undefined) {
    return {
      cause: `rodata=${rodata} on the kernel command line fixes the direct map, so no page can be taken out of it`,
      remedy: 'remove rodata= from the kernel command line',
    };
  }
  if (byDefault || configuration === undefined || isSet(configuration, 'CONFIG_RODATA_FULL_DEFAULT_ENABLED')) return undefined;
  return {
    cause: 'the kernel was built without CONFIG_RODATA_FULL_DEFAULT_ENABLED, so no page can be taken out of the direct map',
    remedy: 'build it with CONFIG_RODATA_FULL_DEFAULT_ENABLED=y or add rodata=full to its command line',
  };
}
