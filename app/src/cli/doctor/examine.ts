// SPDX-License-Identifier: MIT
import type { Requester } from '../../bus/blocking-client.ts';
import { resolvePaths } from '../../config/paths.ts';
import type { StatusReport } from '../status-report.ts';
import { examineAudit } from './audit.ts';
import type { Check } from './check.ts';
import { examineConfiguration } from './configuration.ts';
import { examineDaemons } from './daemons.ts';
import { examineDevice } from './device.ts';
import { examineLayers } from './layers.ts';
import { examinePermissions } from './permissions.ts';
import { examineStorage } from './storage.ts';
import { examineMachine, examineTpm } from './tpm.ts';
import { examineVaults } from './vaults.ts';

/** Looks at everything that can be looked at from here. What a missing daemon hides is left out: that it is missing is a failure. */
export async function examine(status: StatusReport, bus: Requester | undefined): Promise<Check[]> {
  const paths = resolvePaths(process.env, process.getuid?.() ?? 0);
  const { checks: ofConfiguration, configuration } = examineConfiguration(paths, status);
  return [
    ...examineDevice(),
    ...examineDaemons(status),
    ...ofConfiguration,
    ...examineStorage(paths),
    ...examinePermissions(paths),
    ...examineLayers(paths, status),
    ...(await examineAudit(status, bus)),
    ...(await examineVaults(status, bus, configuration)),
    ...examineMachine(status),
    ...(await examineTpm(bus, configuration)),
  ];
}
