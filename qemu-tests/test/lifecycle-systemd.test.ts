// SPDX-License-Identifier: MIT
import { systemd } from '../build/systemd.ts';
import { describeLifecycle } from './lifecycle.ts';

describeLifecycle({
  init: systemd,
  lockLimit: 16 * 1024 * 1024,
  hangs: /Watchdog timeout/,
  givenUp: /Start request repeated too quickly/,
  silentConsole: true,
});
