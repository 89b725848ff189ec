// SPDX-License-Identifier: MIT
import { type Check, fail, pass, warn } from './check.ts';

const oldestNode = [22, 15] as const;
const startOf2024 = Date.UTC(2024, 0, 1);

/** What sesame runs on. */
export function examineDevice(now = Date.now(), nodeVersion = process.versions.node): Check[] {
  return [examineNode(nodeVersion), examineClock(now)];
}

function examineNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const suffices = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
  if (suffices) return pass('node', `Node ${version}`);
  return fail('node', `Node ${version} is older than ${oldestNode.join('.')}`, 'install Node 22.15 or newer');
}

function examineClock(now: number): Check {
  const day = new Date(now).toISOString().slice(0, 10);
  if (now >= startOf2024) return pass('clock', `the clock says ${day}`);
  return warn(
    'clock',
    `the clock says ${day}: times in the audit chain and of secrets are wrong, their order is not`,
    'set the clock at boot, from an RTC (CONFIG_RTC_HCTOSYS) or the network',
  );
}
