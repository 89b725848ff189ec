// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { confirmReport, type SandboxReport, serialiseReport, switchedOff } from '../../../src/daemons/sandbox/report.ts';

const missing: SandboxReport = {
  landlock: { state: 'missing', cause: 'a cause', remedy: 'a remedy' },
  seccomp: { state: 'missing', cause: 'a cause', remedy: 'a remedy' },
};
const without = { state: 'missing', cause: 'it was started without its sandbox', remedy: 'start it as bin/daemon-profile' };

describe('what a daemon says of its sandbox', () => {
  it('is what stage 0 found missing', () => {
    assert.deepEqual(confirmReport(serialiseReport(missing), true, 'daemon-profile'), missing);
  });

  it('is that there is none, in a process that the kernel knows nothing of', () => {
    const claimed: SandboxReport = { landlock: { state: 'enforced', abi: 6 }, seccomp: { state: 'enforced' } };
    const expected = { landlock: without, seccomp: without };
    assert.deepEqual(confirmReport(serialiseReport(claimed), true, 'daemon-profile'), expected);
  });

  it('is that it was started without one', () => {
    assert.deepEqual(confirmReport(undefined, true, 'daemon-profile'), { landlock: without, seccomp: without });
  });

  it('is that it is switched off', () => {
    assert.deepEqual(confirmReport(serialiseReport(switchedOff), true, 'daemon-profile'), switchedOff);
    assert.deepEqual(confirmReport(undefined, false, 'daemon-profile'), switchedOff);
  });

  it('is not what somebody made up', () => {
    for (const made of ['null', '7', '{}', '{"landlock":1}', 'no JSON'])
      assert.deepEqual(confirmReport(made, true, 'daemon-profile'), { landlock: without, seccomp: without }, made);
  });
});
