// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { RequestBody } from '../../../src/bus/messages.ts';
import { SesameError } from '../../../src/core/errors.ts';
import { RecordingLogger } from '../../../src/core/log.ts';
import { type AuditBus, type AuditedOperation, Auditor } from '../../../src/daemons/secrets/auditor.ts';

type Append = RequestBody<'audit-append'>;

/** The fake of the bus: keeps what was appended, and fails when told to. */
class RecordingBus implements AuditBus {
  readonly appended: Append[] = [];
  failing = false;

  async request(_: 'audit-append', body: Append): Promise<unknown> {
    if (this.failing) throw SesameError.of('connection-closed', { daemon: 'daemon-profile', kind: 'audit-append' });
    this.appended.push(body);
    return undefined;
  }

  get entries(): string[] {
    return this.appended.flatMap(({ entries }) => entries.map(({ action, key, outcome }) => `${action} ${key} ${outcome}`));
  }
}

function operation(action: string, key: string): AuditedOperation {
  const sender = {
    id: '00000000-0000-7000-8000-000000000000',
    name: 'administrators',
    clearance: 'secrets-only',
    uid: 7,
    pid: 1,
  } as const;
  return { action, profile: 'device', key, sender };
}

function start(): { bus: RecordingBus; auditor: Auditor; logger: RecordingLogger } {
  const bus = new RecordingBus();
  const logger = new RecordingLogger();
  return { bus, logger, auditor: new Auditor(() => bus, logger) };
}

describe('a change', () => {
  it('is made after the entry of its attempt is on disk, and acknowledged after that of its success', async () => {
    const { bus, auditor } = start();
    const result = await auditor.change(operation('set', 'a'), () => {
      assert.deepEqual(bus.entries, ['set a attempted']);
      return 42;
    });
    assert.equal(result, 42);
    assert.deepEqual(bus.entries, ['set a attempted', 'set a success']);
    assert.ok(bus.appended.every(({ durable }) => durable));
  });

  it('is not acknowledged when its success cannot be written, and its result is released', async () => {
    const { bus, auditor } = start();
    const discarded: number[] = [];
    await assert.rejects(
      auditor.change(
        operation('set', 'a'),
        () => {
          bus.failing = true;
          return 42;
        },
        (result) => discarded.push(result),
      ),
      { code: 'connection-closed' },
    );
    assert.deepEqual(bus.entries, ['set a attempted']);
    assert.deepEqual(discarded, [42]);
  });

  it('that fails fails with its own error, even when that cannot be written', async () => {
    const { bus, auditor, logger } = start();
    const failure = SesameError.of('vault-locked', { profile: 'device' });
    const failing = auditor.change(operation('set', 'a'), () => {
      bus.failing = true;
      throw failure;
    });
    await assert.rejects(failing, failure);
    assert.match(logger.lines[0]?.message ?? '', /was not recorded/);
  });

  it('that fails is followed by an entry that says so, and fails with its own error', async () => {
    const { bus, auditor } = start();
    const failure = SesameError.of('vault-locked', { profile: 'device' });
    await assert.rejects(
      auditor.change(operation('set', 'a'), () => Promise.reject(failure)),
      failure,
    );
    assert.deepEqual(bus.entries, ['set a attempted', 'set a failed']);
  });

  it('is not made when its entry cannot be written, and no later entry claims that it was', async () => {
    const { bus, auditor } = start();
    let made = false;
    bus.failing = true;
    await assert.rejects(
      auditor.change(operation('set', 'a'), () => {
        made = true;
      }),
      { code: 'connection-closed' },
    );
    assert.equal(made, false);
    bus.failing = false;
    await auditor.flush();
    assert.deepEqual(bus.entries, []);
  });
});

describe('a note', () => {
  it('waits for company and is sent within a moment', async () => {
    const { bus, auditor } = start();
    auditor.note(operation('get', 'a'), 'success');
    auditor.note(operation('get', 'b'), 'success');
    assert.deepEqual(bus.entries, []);
    await wait(400);
    assert.deepEqual(bus.entries, ['get a success', 'get b success']);
    assert.equal(bus.appended.length, 1);
    assert.equal(bus.appended[0]?.durable, false);
  });

  it('goes in front of a change that comes after it', async () => {
    const { bus, auditor } = start();
    auditor.note(operation('get', 'a'), 'success');
    await auditor.outcome(operation('set', 'b'), 'success');
    assert.deepEqual(bus.entries, ['get a success', 'set b success']);
  });

  it('is kept and sent later when daemon-profile is away', async () => {
    const { bus, auditor, logger } = start();
    bus.failing = true;
    auditor.note(operation('get', 'a'), 'success');
    await auditor.flush();
    assert.equal(logger.lines[0]?.level, 'error');
    bus.failing = false;
    await auditor.flush();
    assert.deepEqual(bus.entries, ['get a success']);
  });

  it('shares a message with at most as many as a frame holds, and the last of them alone is waited for', async () => {
    const { bus, auditor } = start();
    bus.failing = true;
    for (let count = 0; count < 100; count += 1) auditor.note(operation('get', String(count)), 'success');
    await auditor.flush();
    bus.failing = false;
    await auditor.outcome(operation('set', 'last'), 'success');
    assert.equal(bus.entries.length, 101);
    assert.ok(bus.appended.every(({ entries }) => entries.length <= 64));
    assert.deepEqual(
      bus.appended.map(({ durable }) => durable),
      bus.appended.map((_, index) => index === bus.appended.length - 1),
    );
  });

  it('says how many refusals it stands for', async () => {
    const { bus, auditor } = start();
    auditor.note(operation('get', 'a'), 'denied', 17);
    await auditor.flush();
    assert.equal(bus.appended[0]?.entries[0]?.repeated, 17);
  });
});
