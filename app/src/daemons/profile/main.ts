// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import { AuditLog } from '../../audit/log.ts';
import { type BusLimits, BusServer } from '../../bus/server.ts';
import { identifyClient } from '../../config/clients.ts';
import type { Configuration } from '../../config/configuration.ts';
import { assert } from '../../core/errors.ts';
import { bootId } from '../../linux/boot.ts';
import { discardTemporaries, ensureDirectory, requireOwnDirectory } from '../../linux/files.ts';
import { lockDirectory } from '../../linux/lock.ts';
import { type Foundation, noiseSuite, runDaemon, type Service } from '../foundation.ts';
import { BusAudit } from './audit-reports.ts';
import { CredentialServer, servesCredentials } from './credentials.ts';
import { profileHandlers } from './handlers.ts';
import { InstallationFiles } from './installation.ts';
import { Profiles } from './profiles.ts';

async function start(foundation: Foundation): Promise<Service> {
  const { name, paths, memory, clock, logger, configuration } = foundation;
  const system = paths.mode === 'system';
  ensureDirectory(paths.state, system ? 0o750 : 0o700);
  const directoryLock = lockDirectory(paths.state, name);
  discardTemporaries(paths.state);
  ensureDirectory(paths.runtime, system ? 0o755 : 0o700);
  requireOwnDirectory(paths.runtime, name);

  const installation = new InstallationFiles(paths.state, () => configuration().global.machine_binding, logger);
  const profiles = new Profiles(paths.state, foundation, logger);
  const { audit: auditLimits } = configuration().global;
  const audit = AuditLog.open({
    path: join(paths.state, 'audit.jsonl'),
    headPath: join(paths.state, 'audit.head'),
    keyPath: join(paths.state, 'audit.key'),
    memory,
    hash: configuration().crypto.audit_hash,
    clock,
    logger,
    maxBytes: auditLimits.max_bytes,
    maxFiles: auditLimits.max_files,
    bootId: bootId(),
    mode: system ? 0o640 : 0o600,
  });
  const busAudit = new BusAudit(audit, clock, logger, () => profiles.default);

  let bus: BusServer | undefined;
  const running = (): BusServer => {
    assert(bus !== undefined, 'nobody asks before the bus is there');
    return bus;
  };
  const { socket_path: socketPath } = configuration().global.ipc;
  bus = new BusServer({
    memory,
    logger,
    clock,
    runtimeDirectory: paths.runtime,
    ...(socketPath === undefined ? {} : { socketPath }),
    socketMode: system ? 0o666 : 0o600,
    suite: noiseSuite(configuration()),
    identify: ({ uid, gid, groups, unit }, publicKey) =>
      identifyClient(configuration(), {
        uid,
        gid,
        groups,
        unit,
        ...(publicKey && { publicKeyHex: publicKey.toString('hex') }),
      }),
    handlers: profileHandlers({ foundation, audit, profiles, installation, bus: running }),
    limits: busLimits(configuration()),
    observer: busAudit,
  });
  await bus.listen();
  const credentials = await serveCredentials(foundation, bus, profiles, busAudit);

  return {
    reconfigure(next) {
      running().reconfigure(busLimits(next));
      if (credentials === undefined && servesCredentials(next))
        logger.warn('the credentials of clients can be asked for after a restart of daemon-profile');
    },
    async stop() {
      await credentials?.close();
      await running().close();
      busAudit.close();
      await audit.close();
      directoryLock.release();
    },
  };
}

/** Without credentials in the configuration there is no socket for them. */
async function serveCredentials(
  { paths, clock, logger, configuration }: Foundation,
  bus: BusServer,
  profiles: Profiles,
  busAudit: BusAudit,
): Promise<CredentialServer | undefined> {
  if (!servesCredentials(configuration())) return undefined;
  const server = new CredentialServer({
    path: join(paths.runtime, 'credentials.sock'),
    clock,
    logger,
    configuration,
    defaultProfile: () => profiles.default,
    bus,
    refused: (...refusal) => busAudit.credentialRefused(...refusal),
  });
  await server.listen();
  return server;
}

function busLimits({ global: { ipc, rate_limit: rate, keys } }: Configuration): BusLimits {
  return {
    channelCapacity: ipc.channel_capacity,
    slowSubscriberTimeoutMs: ipc.slow_subscriber_timeout_ms,
    ratePerSecond: rate.per_second,
    rateBurst: rate.burst,
    graceSeconds: keys.rotation_grace_seconds,
  };
}

// It handles its own failures, and a bundle in one file has no top-level await.
void runDaemon('daemon-profile', start);
