// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { constants, release } from 'node:os';
import { describe, it } from 'node:test';
import { type KernelFacts, readKernelFacts } from '../../src/linux/kernel-facts.ts';
import { explainMissingMemfdSecret } from '../../src/linux/secretmem-support.ts';

const { ENOSYS, EPERM } = constants.errno;
const built = 'CONFIG_SECRETMEM=y\nCONFIG_RODATA_FULL_DEFAULT_ENABLED=y\n';
const modern: KernelFacts = { release: '6.12.117', architecture: 'arm64', commandLine: 'quiet', configuration: built };

function explain(facts: Partial<KernelFacts>, errno = ENOSYS): string {
  const { cause, remedy } = explainMissingMemfdSecret(errno, { ...modern, ...facts });
  return `${cause} / ${remedy}`;
}

describe('why memfd_secret is missing', () => {
  it('is the age of the kernel', () => {
    assert.match(explain({ release: '5.10.0-28' }), /5\.10\.0-28 is older than 5\.14/);
  });

  it('is an architecture without the call', () => {
    assert.match(explain({ architecture: 'arm' }), /32-bit ARM/);
  });

  it('is a kernel built without it', () => {
    assert.match(explain({ configuration: '# CONFIG_SECRETMEM is not set\n' }), /without CONFIG_SECRETMEM .*CONFIG_SECRETMEM=y/);
  });

  it('is a kernel of 5.14 to 6.4 that was not told to offer it', () => {
    assert.match(explain({ release: '6.1.0-rpi7' }), /add secretmem\.enable=1/);
  });

  it('is not the missing parameter from 6.5 on', () => {
    assert.doesNotMatch(explain({ release: '6.5.0', architecture: 'x64' }), /keeps memfd_secret switched off/);
  });

  it('is a parameter that switches it off', () => {
    assert.match(explain({ commandLine: 'quiet secretmem.enable=0' }), /secretmem\.enable=0 .* switches memfd_secret off/);
  });

  it('is the last of several parameters', () => {
    assert.match(explain({ commandLine: 'secretmem.enable=1 secretmem.enable=n' }), /secretmem\.enable=n/);
  });

  for (const value of ['on', 'off']) {
    it(`is rodata=${value} on arm64`, () => {
      assert.match(explain({ commandLine: `rodata=${value}` }), new RegExp(`rodata=${value} .* fixes the direct map`));
    });
  }

  it('is rodata=noalias from 6.18 on, where it took the place of rodata=on', () => {
    assert.match(explain({ release: '6.18.7', commandLine: 'rodata=noalias' }), /rodata=noalias .* fixes the direct map/);
    assert.doesNotMatch(explain({ release: '6.18.7', commandLine: 'rodata=on' }), /direct map/);
  });

  it('is not rodata on x86', () => {
    assert.doesNotMatch(explain({ architecture: 'x64', commandLine: 'rodata=off' }), /direct map/);
  });

  it('is a direct map in blocks by the configuration of an arm64 kernel', () => {
    assert.match(explain({ configuration: 'CONFIG_SECRETMEM=y\n' }), /CONFIG_RODATA_FULL_DEFAULT_ENABLED/);
  });

  it('is not an option that 6.18 took away', () => {
    assert.doesNotMatch(explain({ release: '6.18.7', configuration: 'CONFIG_SECRETMEM=y\n' }), /RODATA/);
  });

  it('is a sandbox when the call is forbidden instead of unknown', () => {
    assert.match(explain({}, EPERM), /EPERM.*\/ allow the system call memfd_secret/);
  });

  it('is left open, with everything that may help, when the kernel shows nothing', () => {
    const text = explain({ configuration: undefined, architecture: 'x64' });
    assert.match(text, /CONFIG_SECRETMEM=y, and secretmem\.enable=1/);
  });
});

describe('the facts about the running kernel', () => {
  it('hold its release', () => {
    assert.equal(readKernelFacts().release, release());
  });

  it('hold its configuration where the kernel shows it', { skip: !existsSync('/proc/config.gz') && 'no /proc/config.gz' }, () => {
    assert.match(readKernelFacts().configuration ?? '', /^CONFIG_64BIT=y$/m);
  });

  it('hold a command line', () => {
    assert.notEqual(readKernelFacts().commandLine, '');
  });
});
