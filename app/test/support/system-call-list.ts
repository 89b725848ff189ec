// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { callsOf, type Phase, type SystemCallEntry } from '../../src/daemons/sandbox/system-calls.ts';
import { type Architecture, systemCallNumber } from '../../src/linux/seccomp-numbers.ts';
import type { DaemonName } from './device.ts';
import type { Uses } from './system-call-trace.ts';

const daemons: readonly DaemonName[] = ['daemon-profile', 'daemon-secrets'];

/** Newer ways of what a daemon does in an older one. */
const replaceable = ['clone3', 'io_uring_setup'];

/** Compares the list with what was recorded while every function of the product was used. */
export function itIsWhatIsUsed(architecture: Architecture, uses: (daemon: DaemonName) => Uses): void {
  for (const daemon of daemons) {
    it(`has nothing for ${daemon} that no function of the product uses`, (context) => {
      const { confined } = uses(daemon);
      const entries = needed(daemon, 'starting', architecture);
      for (const name of entries) context.diagnostic(`${name}: last used in "${confined[name] ?? 'nothing'}"`);
      assert.deepEqual(
        entries.filter((name) => confined[name] === undefined),
        [],
      );
    });

    it(`leaves ${daemon} nothing of its start once it is ready`, () => {
      const { ready } = uses(daemon);
      assert.deepEqual(
        needed(daemon, 'ready', architecture).filter((name) => ready[name] === undefined),
        [],
      );
    });

    it(`refuses ${daemon} nothing that it cannot do without`, (context) => {
      const allowed = new Set(namesOf(listed(daemon, 'ready', architecture)));
      const others = uses(daemon).refused.filter((name) => !allowed.has(name));
      context.diagnostic(`refused: ${others.join(', ')}`);
      assert.deepEqual(
        others.filter((name) => !replaceable.includes(name)),
        [],
      );
    });
  }
}

/** What the list has because a test can bring it about. */
function needed(daemon: DaemonName, phase: Phase, architecture: Architecture): string[] {
  return namesOf(listed(daemon, phase, architecture).filter(({ unseen }) => unseen === undefined));
}

function listed(daemon: DaemonName, phase: Phase, architecture: Architecture): SystemCallEntry[] {
  const entries = callsOf({ daemon, phase, emulatedTpm: false, pid: process.pid }, architecture);
  return entries.filter(({ name }) => systemCallNumber(name, architecture) !== undefined);
}

function namesOf(entries: readonly SystemCallEntry[]): string[] {
  return [...new Set<string>(entries.map(({ name }) => name))];
}
