// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { SesameError } from '../../src/core/errors.ts';
import type { EventLog } from '../../src/tpm/event-log.ts';
import { replay } from '../../src/tpm/event-log-replay.ts';
import { EventType } from '../../src/tpm/event-log-types.ts';
import { noInitrd, type PlannedBoot, predictLog, type RunningLog } from '../../src/tpm/predict.ts';
import { parsePcrFile } from '../../src/tpm/predict-pcr-file.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { event, firmwarePcrs, realBoot } from './event-log-fixture.ts';

const plain = realBoot('measured-boot');
const extraWord = realBoot('measured-boot-extra-word');
const withInitrd = realBoot('measured-boot-initrd');
const initrdFile = join(import.meta.dirname, 'vectors/initrd.img');

type Boot = ReturnType<typeof realBoot>;

/** What the TPM had after a boot. */
function inTpm(boot: Boot): string[] {
  const values = parsePcrFile('the TPM', boot.pcrFile, { bank: 'sha256', pcrs: firmwarePcrs });
  return [...values].map(([pcr, value]) => `${pcr}: ${value.toString('hex')}`);
}

function predicted(running: Boot | RunningLog, plan: PlannedBoot): string[] {
  const values = replay(predictLog({ ...running, bank: 'sha256' }, plan).events, 'sha256');
  return firmwarePcrs.map((pcr) => `${pcr}: ${(values.get(pcr) ?? Buffer.alloc(32)).toString('hex')}`);
}

function running(commandLine: string, ...events: EventLog['events']): RunningLog {
  return { log: { banks: ['sha256'], events }, bank: 'sha256', commandLine };
}

function refusal(...[boot, plan]: Parameters<typeof predicted>): SesameError {
  try {
    predicted(boot, plan);
  } catch (thrown) {
    assert.ok(thrown instanceof SesameError, String(thrown));
    return thrown;
  }
  return assert.fail('it was predicted');
}

describe('the prediction of a boot that really took place', () => {
  it('of nothing new is this boot', () => {
    assert.deepEqual(predicted(plain, {}), inTpm(plain));
  });

  it('with another command line, there and back', () => {
    assert.deepEqual(predicted(plain, { commandLine: extraWord.commandLine }), inTpm(extraWord));
    assert.deepEqual(predicted(extraWord, { commandLine: plain.commandLine }), inTpm(plain));
  });

  it('with an initial RAM disk that was added, and one that is gone', () => {
    const { commandLine } = withInitrd;
    assert.deepEqual(predicted(plain, { commandLine, initrd: initrdFile }), inTpm(withInitrd));
    assert.deepEqual(predicted(withInitrd, { commandLine: plain.commandLine, initrd: noInitrd }), inTpm(plain));
  });
});

describe('a prediction is refused', () => {
  it('when the running command line was not measured in the way that is known', () => {
    const wrong = refusal({ ...plain, commandLine: 'not what was measured' }, { commandLine: 'quiet' });
    assert.equal(wrong.code, 'boot-unpredictable');
    assert.match(wrong.message, /not what \/proc\/cmdline shows.*--pcr-file/);
  });

  it('when the log has no kernel', () => {
    const wrong = refusal(running('quiet', event(0, EventType.separator, Buffer.alloc(4))), { kernel: initrdFile });
    assert.match(wrong.message, /no event of a kernel/);
  });

  it('when GRUB measured its own commands', () => {
    const grub = event(8, EventType.ipl, 'grub_cmd: linux /vmlinuz\0');
    assert.match(refusal(running('quiet', grub), { commandLine: 'quiet' }).message, /GRUB/);
  });

  it('when the kernel is not an EFI program, whose name it gives', () => {
    const wrong = refusal(plain, { kernel: initrdFile });
    assert.equal(wrong.code, 'boot-file-unusable');
    assert.match(wrong.message, /initrd\.img.*CONFIG_EFI_STUB/);
  });

  it('when a file is not there', () => {
    assert.match(refusal(plain, { kernel: '/nowhere/Image' }).message, /\/nowhere\/Image/);
    assert.match(refusal(plain, { initrd: '/nowhere/initrd' }).message, /\/nowhere\/initrd/);
  });
});

describe('the prediction under U-Boot', () => {
  const file = (content: string) => {
    const path = join(temporaryDirectory(), 'file');
    writeFileSync(path, content);
    return path;
  };
  const boot = (kernel: string, initrd: string, commandLine: string) =>
    running(
      commandLine,
      event(0, EventType.crtmVersion, 'U-Boot 2024.07\0'),
      event(8, EventType.compactHash, 'linux\0', kernel),
      event(9, EventType.compactHash, 'initrd\0', initrd),
      event(1, EventType.platformConfigFlags, `${commandLine}\0`),
    );

  it('measures kernel, initial RAM disk and command line as bootm does', () => {
    const plan = { kernel: file('new kernel'), initrd: file('new disk'), commandLine: 'new words' };
    assert.deepEqual(
      predicted(boot('kernel', 'disk', 'words'), plan),
      predicted(boot('new kernel', 'new disk', 'new words'), {}),
    );
  });

  it('measures a missing initial RAM disk as nothing', () => {
    assert.deepEqual(
      predicted(boot('kernel', 'disk', 'words'), { initrd: noInitrd }),
      predicted(boot('kernel', '', 'words'), {}),
    );
  });
});
