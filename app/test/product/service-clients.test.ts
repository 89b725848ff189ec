// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Device } from '../support/device.ts';
import { openToOthers, programsForAll, sesameAs } from '../support/other-user.ts';
import { endOf, ServiceGroup, servicesMissing } from '../support/service.ts';

describe('a service', { skip: servicesMissing }, () => {
  for (const user of [undefined, 61_300]) {
    it(`is recognised by its unit, by daemons ${user === undefined ? 'of root' : 'that may not signal it'}`, async () => {
      const home = mkdtempSync(join(tmpdir(), 'open-sesame-test-'));
      const programs = join(programsForAll({ home }), 'bin');
      const configuration = '[clients.bridge]\nunit = "open-sesame-bridge.service"\n';
      const device = new Device(configuration, { home, programs, ...(user === undefined ? {} : { user }) });
      const group = new ServiceGroup('open-sesame-bridge');
      openToOthers(device);
      try {
        await device.start();
        const as = ['setpriv', '--reuid=61301', '--regid=61301', '--clear-groups', 'env', ...variables(device)];
        assert.equal(await endOf(group.spawn(...as, join(programs, 'sesame'), 'status')), 0);
        const outside = await sesameAs(device, { uid: 61_301 }, ['status']);
        assert.equal(outside.code, 5, outside.stderr);
      } finally {
        await device.dispose();
        await group.remove();
      }
    });
  }
});

function variables({ environment }: Device): string[] {
  return Object.entries(environment).map(([name, value]) => `${name}=${value}`);
}
