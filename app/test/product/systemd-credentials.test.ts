// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Device } from '../support/device.ts';
import { runSystemd, systemdMissing } from '../support/systemd.ts';

/** One unit that may, one that may not, as a real systemd starts them. */
const configuration = `
[clients.bridge]
unit = "bridge.service"
credentials = { "mqtt.password" = "mqtt/password" }
credentials_profile = "device"
[clients.unruled]
unit = "unruled.service"
credentials = { "mqtt.password" = "mqtt/password" }
credentials_profile = "device"
[profiles.device.secrets.access]
bridge = ["mqtt/*"]
"*" = []
`;

describe('LoadCredential= of systemd', { skip: systemdMissing }, () => {
  const device = new Device(configuration);
  const kept = (name: string) => join(device.home, `credential-of-${name}`);
  const status = (name: string) => join(device.home, `status-of-${name}`);
  const refused = ['unruled', 'stranger', 'fallback'];

  /** Copies its credential, when it is started at all; and a unit that notes why it was not. */
  const units = (name: string, settings = '') => ({
    [`${name}.service`]: `[Unit]
DefaultDependencies=no
OnFailure=note-${name}.service
[Service]
Type=oneshot
LoadCredential=mqtt.password:${join(device.runtimeDirectory, 'credentials.sock')}
${settings}
ExecStart=/bin/cp %d/mqtt.password ${kept(name)}
`,
    [`note-${name}.service`]: `[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo $MONITOR_EXIT_STATUS >${status(name)}'
`,
  });

  before(async () => {
    await device.start();
    await device.initialise();
    await device.must(['secret', 'set', '-p', 'device', 'mqtt/password'], 'correct horse');
    await runSystemd(
      join(device.home, 'units'),
      {
        ...units('bridge'),
        ...units('unruled'),
        ...units('stranger'),
        ...units('fallback', 'SetCredential=mqtt.password:built-in'),
      },
      ['bridge', ...refused],
      () => existsSync(kept('bridge')) && refused.every((name) => existsSync(status(name))),
    );
  });

  after(() => device.dispose());

  it('gives a unit its secret from the vault', () => {
    assert.ok(existsSync(kept('bridge')), device.log('daemon-profile'));
    assert.equal(readFileSync(kept('bridge'), 'utf8'), 'correct horse');
  });

  for (const name of refused) {
    it(`does not start a unit that is refused: ${name}`, () => {
      assert.match(device.log('daemon-profile'), new RegExp(`${name}\\S* is not given`));
      const failedAtCredentials = 243; // systemd.exec(5), EXIT_CREDENTIALS
      assert.equal(Number(readFileSync(status(name), 'utf8')), failedAtCredentials);
      assert.ok(!existsSync(kept(name)));
    });
  }
});
