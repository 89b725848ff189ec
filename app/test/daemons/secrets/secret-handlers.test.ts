// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { Handlers, Incoming, Sender } from '../../../src/bus/handler.ts';
import type { RequestBody } from '../../../src/bus/messages.ts';
import { loadConfiguration } from '../../../src/config/load.ts';
import { resolvePaths } from '../../../src/config/paths.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { assert as must } from '../../../src/core/errors.ts';
import { RecordingLogger } from '../../../src/core/log.ts';
import { defaultVaultSuite } from '../../../src/crypto/suite.ts';
import { AccessControl } from '../../../src/daemons/secrets/access.ts';
import { type AuditBus, Auditor } from '../../../src/daemons/secrets/auditor.ts';
import { KeyChanges } from '../../../src/daemons/secrets/key-changes.ts';
import { secretHandlers } from '../../../src/daemons/secrets/secret-handlers.ts';
import { VaultSet } from '../../../src/daemons/secrets/vault-set.ts';
import { Keyring } from '../../../src/factors/keyring.ts';
import { openSecretMemory } from '../../../src/memory/secret-memory.ts';

const profile = 'device';
const rules = '[clients.sensor]\nuid = 7\n[profiles.device.secrets.access]\nsensor = ["name 0", "name 599"]\n';
const memory = openSecretMemory();

const sender: Sender = {
  id: '00000000-0000-7000-8000-000000000000',
  name: 'sensor',
  clearance: 'profile-scoped',
  uid: 7,
  pid: 1,
};

/** The fake of daemon-profile: its disk takes as long as the test wants. */
class SlowBus implements AuditBus {
  readonly entries: string[] = [];
  #disk = Promise.resolve();

  async request(_: 'audit-append', { entries, durable }: RequestBody<'audit-append'>): Promise<unknown> {
    if (durable) await this.#disk;
    this.entries.push(...entries.map(({ action, key, outcome, repeated }) => `${action} ${key} ${outcome} ${repeated ?? 1}`));
    return undefined;
  }

  /** @returns what lets the disk go on */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#disk = promise;
    return resolve;
  }
}

/** The handlers over a real vault that is unlocked. */
class Workplace {
  readonly directory = mkdtempSync(join(tmpdir(), 'secret-handlers-'));
  readonly bus = new SlowBus();
  readonly vaults: VaultSet;
  readonly keyChanges: KeyChanges;
  readonly handlers: Handlers;
  readonly #auditor: Auditor;
  readonly #keyring: Keyring;

  constructor() {
    const common = { memory, directory: this.directory, clock: systemClock, logger: new RecordingLogger() };
    this.vaults = new VaultSet({ ...common, idleCloseMs: () => 1000 });
    this.#keyring = new Keyring({ ...common, opensVault: () => false });
    this.keyChanges = new KeyChanges(this.#keyring, this.vaults, async () => undefined);
    this.#auditor = new Auditor(() => this.bus, common.logger);
    writeFileSync(join(this.directory, 'config.toml'), rules);
    const paths = resolvePaths(
      { PDS_CONFIG_DIR: this.directory, PDS_STATE_DIR: this.directory, PDS_RUNTIME_DIR: this.directory },
      0,
    );
    const { configuration } = loadConfiguration(paths);
    const access = new AccessControl(
      () => configuration,
      () => undefined,
    );
    this.handlers = secretHandlers({
      memory,
      vaults: this.vaults,
      access,
      auditor: this.#auditor,
      read: (operation, times) => this.#auditor.note(operation, 'success', times),
      failed: (...failure) => this.#auditor.note(...failure),
    });
  }

  async unlock(): Promise<this> {
    await this.withPassword((evidence) =>
      this.keyChanges.initialise({ profile, evidence, policy: 'any', recovery: false, suite: defaultVaultSuite }),
    );
    const unlocked = await this.withPassword((evidence) => this.#keyring.unlock(profile, evidence));
    must(unlocked.state === 'unlocked', 'the password is all that is needed');
    this.vaults.unlock(profile, unlocked.masterKey);
    return this;
  }

  async withPassword<Result>(work: (evidence: Parameters<Keyring['unlock']>[1]) => Promise<Result>): Promise<Result> {
    const bytes = memory.take(Buffer.from('a password for tests'));
    try {
      return await work([{ factor: 'password', bytes }]);
    } finally {
      bytes.release();
    }
  }

  async rekey(): Promise<void> {
    await this.withPassword((evidence) => this.keyChanges.rekey({ profile, evidence, newRecovery: false }));
  }

  async set(name: string, value: string): Promise<void> {
    const attachment = memory.take(Buffer.from(value));
    try {
      await this.#ask('secret-set', { body: { profile, name }, attachment, sender });
    } finally {
      attachment.release();
    }
  }

  async delete(name: string): Promise<void> {
    await this.#ask('secret-delete', { body: { profile, name }, attachment: undefined, sender });
  }

  /** @returns the names that the sender gets */
  async environment(): Promise<string[]> {
    const handler = this.handlers['secret-environment'];
    must(handler !== undefined, 'it is answered');
    const { body, attachment } = await handler({ body: { profiles: [profile] }, attachment: undefined, sender });
    attachment?.release();
    return body.entries.map(({ name }) => name);
  }

  read(name: string): string {
    const value = this.vaults.current(profile).get(name);
    try {
      return value.bytes.toString();
    } finally {
      value.release();
    }
  }

  dispose(): void {
    this.vaults.lock(profile);
    rmSync(this.directory, { recursive: true });
  }

  async #ask<Kind extends 'secret-set' | 'secret-delete'>(kind: Kind, request: Incoming<Kind>): Promise<void> {
    const handler = this.handlers[kind];
    must(handler !== undefined, `${kind} is answered`);
    await handler(request);
  }
}

let workplace: Workplace;

beforeEach(async () => {
  workplace = await new Workplace().unlock();
  const vault = workplace.vaults.current(profile);
  for (let count = 0; count < 600; count += 1) vault.set(`name ${count}`, Buffer.from('old'));
});

afterEach(() => workplace.dispose());

describe('the environment of a client that may see few names of many', () => {
  it('lets others have their turn while it is gathered', async () => {
    let turns = 0;
    const others = setInterval(() => {
      turns += 1;
    }, 0);
    const names = await workplace.environment();
    clearInterval(others);
    assert.deepEqual(names, ['name 0', 'name 599']);
    assert.ok(turns > 0);
  });

  it('takes the locked memory of one page, however often it is asked for at once', async () => {
    const before = memory.status().pagesInUse;
    let most = 0;
    const watching = setInterval(() => {
      most = Math.max(most, memory.status().pagesInUse - before);
    }, 0);
    const answers = await Promise.all(Array.from({ length: 20 }, () => workplace.environment()));
    clearInterval(watching);
    assert.ok(answers.every(({ length }) => length === 2));
    assert.ok(most > 0 && most < 40, `${most} pages`);
  });
});

describe('a change whose audit entry takes long', () => {
  /** Asks for a change, lets a rekey copy what there is, and only then lets the entry of the change reach the disk. */
  async function duringRekey(change: () => Promise<void>): Promise<void> {
    const release = workplace.bus.hold();
    const changing = change();
    await wait(1);
    const rekeying = workplace.rekey();
    while (!existsSync(join(workplace.directory, `${profile}.next`, `${profile}.db`))) await wait(0);
    await wait(0);
    release();
    await Promise.all([changing, rekeying]);
  }

  it('keeps a value that is set while a rekey copies the vault', async () => {
    await duringRekey(() => workplace.set('name 0', 'new'));
    assert.equal(workplace.read('name 0'), 'new');
  });

  it('keeps an entry away that is deleted while a rekey copies the vault', async () => {
    await duringRekey(() => workplace.delete('name 0'));
    assert.throws(() => workplace.read('name 0'), { code: 'secret-not-found' });
  });

  it('is made in the new generation when the rekey is over by then', async () => {
    const release = workplace.bus.hold();
    const setting = workplace.set('name 0', 'new');
    await wait(1);
    await workplace.rekey();
    release();
    await setting;
    assert.equal(workplace.read('name 0'), 'new');
  });
});
