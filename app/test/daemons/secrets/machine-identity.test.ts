// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SesameError } from '../../../src/core/errors.ts';
import { RecordingLogger } from '../../../src/core/log.ts';
import { type IdentityBus, MachineIdentity } from '../../../src/daemons/secrets/machine-identity.ts';
import { openSecretMemory } from '../../../src/memory/secret-memory.ts';

const memory = openSecretMemory();
const key = memory.take(Buffer.alloc(32, 1));

/** The fake of the bus: notes which bindings daemon-profile was told of. */
function start(): { bindings: boolean[]; identity: MachineIdentity } {
  const bindings: boolean[] = [];
  const bus: IdentityBus = {
    async request(...[kind, body]: [string, object]) {
      if (kind === 'machine-binding') bindings.push('renewed' in body && body.renewed === true);
      return { body: { installation: '11111111-2222-4333-8444-555555555555' } };
    },
  };
  return { bindings, identity: new MachineIdentity(() => bus, memory, new RecordingLogger()) };
}

describe('the binding to this machine', () => {
  it('is renewed when the file with the new key is on disk, and not before', async () => {
    const { bindings, identity } = start();
    await identity.renewing('device', async () => {
      await identity.present('device', key, 'made');
      assert.deepEqual(bindings, []);
    });
    assert.deepEqual(bindings, [true]);
  });

  it('stays as it was when the change failed, also after the next one', async () => {
    const { bindings, identity } = start();
    const failing = identity.renewing('device', async () => {
      await identity.present('device', key, 'made');
      throw SesameError.of('storage-full', { path: 'device.tpm-enrollment' });
    });
    await assert.rejects(failing, { code: 'storage-full' });
    await identity.renewing('device', async () => undefined);
    assert.deepEqual(bindings, []);
  });

  it('is verified with each unlock', async () => {
    const { bindings, identity } = start();
    await identity.present('device', key, 'unsealed');
    assert.deepEqual(bindings, [false]);
  });
});
