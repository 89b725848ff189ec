// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import type { KernelFacts, Missing } from '../../src/linux/kernel-facts.ts';
import { explainMissingLandlock, explainMissingSeccomp, uncovered } from '../../src/linux/sandbox-support.ts';

const { EINVAL, ENOSYS, EOPNOTSUPP, EPERM } = constants.errno;
const modern: KernelFacts = { release: '6.12.117', architecture: 'arm64', commandLine: '', configuration: undefined };

function text({ cause, remedy }: Missing): string {
  return `${cause} / ${remedy}`;
}

const landlock = (errno: number, abi = 0, facts: Partial<KernelFacts> = {}) =>
  text(explainMissingLandlock(errno, abi, { ...modern, ...facts }));
const seccomp = (errno: number, facts: Partial<KernelFacts> = {}) => text(explainMissingSeccomp(errno, { ...modern, ...facts }));

describe('why Landlock is missing', () => {
  it('is the age of the kernel', () => {
    assert.match(landlock(ENOSYS, 0, { release: '5.10.0-28' }), /5\.10\.0-28 is older than 5\.13.* 5\.19 or newer/);
  });

  it('is a kernel built without it', () => {
    const facts = { configuration: '# CONFIG_SECURITY_LANDLOCK is not set\n' };
    assert.match(landlock(ENOSYS, 0, facts), /built without CONFIG_SECURITY_LANDLOCK .*CONFIG_SECURITY_LANDLOCK=y/);
  });

  it('is a kernel that does not tell', () => {
    assert.match(landlock(ENOSYS), /6\.12\.117 has no Landlock .*CONFIG_SECURITY_LANDLOCK=y/);
  });

  it('is a boot that left it out', () => {
    assert.match(landlock(EOPNOTSUPP), /not switched on at boot .*CONFIG_LSM.*lsm=/);
  });

  it('is a version under which vaults could not be made', () => {
    assert.match(landlock(0, 1, { release: '5.15.0' }), /5\.15\.0 has version 1 of Landlock.*5\.19/);
  });

  it('is a sandbox around this one', () => {
    assert.match(landlock(EPERM), /EPERM.*landlock_create_ruleset \(444\)/);
  });
});

describe('why seccomp is missing', () => {
  it('is a kernel without seccomp, or without filters', () => {
    assert.match(seccomp(ENOSYS), /CONFIG_SECCOMP=y/);
    assert.match(seccomp(EINVAL, { configuration: 'CONFIG_SECCOMP=y\n' }), /without CONFIG_SECCOMP_FILTER/);
  });
});

describe('what a version of Landlock leaves open', () => {
  it('are abstract sockets before version 6', () => {
    assert.match(text(uncovered(5) ?? { cause: '', remedy: '' }), /version 5 .*abstract.*6\.12/);
    assert.equal(uncovered(6), undefined);
  });
});
