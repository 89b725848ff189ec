// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { EventType } from '../../src/tpm/event-log-types.ts';
import { meaningOfPcr, platformOf, unmeasuredFirstStage } from '../../src/tpm/platform.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { event, realBoot } from './event-log-fixture.ts';

const uBootLog = {
  banks: ['sha256' as const],
  events: [
    event(0, EventType.crtmVersion, 'U-Boot 2024.07 (Jul 01 2024 - 00:00:00 +0000)\0'),
    event(8, EventType.compactHash, 'linux\0'),
  ],
};

describe('the platform that measured a boot', () => {
  it('is UEFI where firmware started a program', () => {
    assert.equal(platformOf(realBoot('measured-boot').log, true), 'uefi');
  });

  it('is U-Boot where U-Boot measured without its EFI', () => {
    assert.equal(platformOf(uBootLog, true), 'u-boot');
    assert.equal(meaningOfPcr('u-boot', 8), 'the kernel');
  });

  it('is nobody where there is no log and every PCR is zero', () => {
    assert.equal(platformOf(undefined, false), 'unmeasured');
    assert.match(meaningOfPcr('unmeasured', 4), /no firmware measured this boot/);
  });

  it('is unknown where somebody measured and left no log', () => {
    assert.equal(platformOf(undefined, true), 'unknown');
  });

  it('has a meaning for every PCR', () => {
    for (const platform of ['uefi', 'u-boot', 'unmeasured', 'unknown'] as const) {
      for (let pcr = 0; pcr < 24; pcr += 1) assert.ok(meaningOfPcr(platform, pcr).length > 5);
    }
  });
});

describe('a board whose first stage measures nothing', () => {
  it('is a Raspberry Pi, and is said to be so', () => {
    const model = join(temporaryDirectory(), 'model');
    writeFileSync(model, 'Raspberry Pi 4 Model B Rev 1.4\0');
    assert.match(unmeasuredFirstStage(model) ?? '', /Raspberry Pi .* measures nothing/);
  });

  it('is none that is known otherwise', () => {
    const model = join(temporaryDirectory(), 'model');
    assert.equal(unmeasuredFirstStage(model), undefined);
    writeFileSync(model, 'linux,dummy-virt\0');
    assert.equal(unmeasuredFirstStage(model), undefined);
  });
});
