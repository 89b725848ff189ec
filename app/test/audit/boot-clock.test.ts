// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { BootClock } from '../../src/audit/boot-clock.ts';

/** What proc(5) says about the time since the boot, in ms. */
const uptimeMs = () => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;

describe('the clock of entries', () => {
  it("agrees with the kernel's time since the boot, before and after it looks again", async () => {
    const clock = new BootClock();
    for (const pauseMs of [0, 300, 1000]) {
      await wait(pauseMs);
      const before = uptimeMs();
      const now = clock.nowMs();
      assert.ok(now >= before - 20 && now <= uptimeMs() + 20, `${now} beside ${before}`);
    }
  });

  it('never goes backwards', () => {
    const clock = new BootClock();
    let last = 0;
    for (let count = 0; count < 10_000; count += 1) {
      const now = clock.nowMs();
      assert.ok(now >= last);
      last = now;
    }
  });
});
