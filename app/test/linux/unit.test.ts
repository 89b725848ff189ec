// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serviceUnit, unitOf } from '../../src/linux/unit.ts';

describe('the service of a process', () => {
  const rows: readonly (readonly [because: string, cgroups: string, unit: string | undefined])[] = [
    ['is that of systemd', '0::/system.slice/mqtt-bridge.service\n', 'mqtt-bridge'],
    ['is found below nested slices', '0::/system.slice/system-getty.slice/getty@tty1.service\n', 'getty@tty1'],
    ['is the service above a group that it made for itself', '0::/system.slice/mqtt-bridge.service/worker\n', 'mqtt-bridge'],
    ['is named as its unit where the kernel has files of such a name', '0::/system.slice/_cpu.service\n', 'cpu'],
    ['may begin with what systemd puts before a name', '0::/system.slice/__own.service\n', '_own'],
    ['is that of OpenRC', '0::/openrc.mqtt-bridge\n', 'mqtt-bridge'],
    ['is found among the hierarchies of the first version', '4:memory:/\n1:name=systemd:/system.slice/a.service\n0::/\n', 'a'],
    [
      'is not one that a user made below their own manager',
      '0::/user.slice/user-1000.slice/user@1000.service/app.slice/mqtt-bridge.service\n',
      'user@1000',
    ],
    ['is not one that a service made below itself', '0::/system.slice/web.service/mqtt-bridge.service\n', 'web'],
    ['is not one that a service of OpenRC made below itself', '0::/openrc.web/openrc.mqtt-bridge\n', 'web'],
    ['is not one inside a scope', '0::/machine.slice/machine-box.scope/system.slice/mqtt-bridge.service\n', undefined],
    ['is none for a session', '0::/user.slice/user-1000.slice/session-3.scope\n', undefined],
    ['is none at the root', '0::/\n', undefined],
  ];

  for (const [because, cgroups, unit] of rows) it(because, () => assert.equal(unitOf(cgroups), unit));

  it('is none for a process that is gone', () => assert.equal(serviceUnit(2 ** 30), undefined));
});
