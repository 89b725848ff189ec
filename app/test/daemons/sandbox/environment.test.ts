// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { daemonEnvironment } from '../../../src/daemons/sandbox/environment.ts';

describe('the environment of a daemon', () => {
  it('has what a daemon knows and nothing else of its starter', () => {
    const starter = { PDS_STATE_DIR: '/state', HOME: '', NODE_OPTIONS: '--inspect', LD_PRELOAD: '/lib', OPENSSL_CONF: '/etc' };
    assert.deepEqual(daemonEnvironment(starter, '{}'), ['HOME=', 'PDS_STATE_DIR=/state', 'PDS_SANDBOX={}']);
  });

  it('has the report of this stage 0, whatever the starter claims', () => {
    assert.deepEqual(daemonEnvironment({ PDS_SANDBOX: 'forged' }, 'true'), ['PDS_SANDBOX=true']);
  });
});
