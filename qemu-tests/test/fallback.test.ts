// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Device } from '../harness/device.ts';

/** Ways to boot this kernel without memfd_secret, and what a person has to be told about each. */
const switches = [
  // Landlock and the memory controller are taken away as well: a boot costs more than a second question about it.
  { append: 'secretmem.enable=0 lsm=yama', cause: /secretmem\.enable=0/, remedy: /secretmem\.enable=1/ },
  { append: 'rodata=off cgroup_disable=memory', cause: /rodata=off/, remedy: /rodata/ },
];

for (const { append, cause, remedy } of switches) {
  describe(`the same image on a kernel with ${append}`, () => {
    let device: Device;
    before(async () => {
      device = await Device.create(`fallback ${append}`);
      await device.boot({ append });
    });
    after(() => device.dispose());

    it('has its secrets in locked memory and logs that at ERROR', async () => {
      assert.match(await device.must('sesame status --json'), /"protection":\s*"mlock"/);
      assert.match(await device.daemonLogs(), /"level":"error"[^\n]*(mlock|secret memory)/i);
    });

    it('has a doctor who names cause and remedy', async () => {
      const { stdout } = await device.run('sesame status --doctor');
      const report = stdout.toString('utf8');
      assert.match(report, cause);
      assert.match(report, remedy);
    });

    it('serves secrets', async () => {
      await device.initialise();
      await device.must('sesame secret set -p device a', 'value');
      assert.equal(await device.must('sesame secret get -p device a'), 'value');
    });

    if (append.includes('lsm=yama')) {
      it('says that the daemons run without Landlock, at ERROR and in the doctor, who names the remedy', async () => {
        assert.match(await device.daemonLogs(), /"level":"error"[^\n]*landlock/i);
        const { stdout } = await device.run('sesame status --doctor');
        assert.match(stdout.toString('utf8'), /put landlock first into CONFIG_LSM/);
      });
    }

    if (append.includes('cgroup_disable=memory')) {
      it('says that the daemons run without their memory limits', () => {
        assert.match(device.console, /open-sesame-profile runs without its memory limit/);
        assert.match(device.console, /open-sesame-secrets runs without its memory limit/);
      });
    }
  });
}
