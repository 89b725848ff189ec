// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { Device } from '../harness/device.ts';

/** Ways to boot this kernel without memfd_secret, and what a person has to be told about each. */
const switches = [
  { append: 'secretmem.enable=0', cause: /secretmem\.enable=0/, remedy: /secretmem\.enable=1/ },
  { append: 'rodata=off', cause: /rodata=off/, remedy: /rodata/ },
];

describe('the same image on a kernel without memfd_secret', () => {
  for (const { append, cause, remedy } of switches) {
    const device = Device.create(`fallback ${append}`);
    after(async () => (await device).dispose());

    it(`serves secrets with ${append}, logs the fallback at ERROR, and the doctor names cause and remedy`, async () => {
      const running = await device;
      await running.boot({ append });
      assert.match(await running.must('sesame status --json'), /"protection":\s*"mlock"/);
      const log = await running.daemonLogs();
      assert.match(log, /"level":"error"[^\n]*mlock|"level":"error"[^\n]*secret memory/i);
      const { stdout } = await running.run('sesame status --doctor');
      const report = stdout.toString('utf8');
      assert.match(report, cause);
      assert.match(report, remedy);
      await running.initialise();
      await running.must('sesame secret set -p device a', 'value');
      assert.equal(await running.must('sesame secret get -p device a'), 'value');
    });
  }
});
