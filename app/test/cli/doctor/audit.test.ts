// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Requester } from '../../../src/bus/blocking-client.ts';
import { examineAudit } from '../../../src/cli/doctor/audit.ts';
import type { StatusReport } from '../../../src/cli/status-report.ts';
import { SesameError } from '../../../src/core/errors.ts';

const status: StatusReport = {
  installation: null,
  default_profile: null,
  daemons: [],
  connected: [],
  connections: 0,
  audit: { sequence: 7, attestation: 'self-attested' },
  machine_binding: null,
  vaults: [],
};

/** As daemon-profile reports what it could not write, or has found at its start. */
function withProblem({ message }: SesameError): StatusReport {
  return { ...status, audit: { sequence: 7, attestation: 'self-attested', problem: message } };
}

function verificationFails(error: SesameError): Requester {
  return {
    request: async () => {
      throw error;
    },
  };
}

describe('an audit chain that does not verify', () => {
  const path = '/var/lib/pds/audit.jsonl';

  const damaged = SesameError.of('audit-tail-missing', { path, sequence: 3, head: 5 });

  it('is to be kept when it is damaged', async () => {
    const [check] = await examineAudit(status, verificationFails(damaged));
    assert.equal(check?.outcome, 'fail');
    assert.match(check.remedy ?? '', /keep a copy .* find out who changed it$/);
  });

  it('can be acknowledged when the daemon has recorded it', async () => {
    const [check] = await examineAudit(withProblem(damaged), verificationFails(damaged));
    assert.match(check?.remedy ?? '', /find out who changed it, then: sesame audit acknowledge$/);
  });

  for (const error of [
    SesameError.of('storage-full', { path }),
    SesameError.of('file-unreadable', { path, cause: 'EIO' }),
    SesameError.of('request-timed-out', { daemon: 'daemon-profile', kind: 'audit-verify', seconds: 600 }),
  ]) {
    for (const [when, report] of [
      ['now', status],
      ['already before', withProblem(error)],
    ] as const) {
      it(`was changed by nobody when what went wrong, ${when}, is ${error.code}`, async () => {
        const [check] = await examineAudit(report, verificationFails(error));
        assert.equal(check?.outcome, 'fail');
        assert.equal(check.finding, error.message);
        assert.doesNotMatch(check.remedy ?? '', /who changed it/);
      });
    }
  }
});
