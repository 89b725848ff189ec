// SPDX-License-Identifier: MIT
import { createServer, type Server, type Socket } from 'node:net';
import { listenOn } from '../../bus/listen.ts';
import type { BusServer } from '../../bus/server.ts';
import type { Configuration } from '../../config/configuration.ts';
import type { Clock } from '../../core/clock.ts';
import { describe, SesameError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { TokenBuckets } from '../../core/rate-limit.ts';
import { MutualExclusion } from '../../factors/mutual-exclusion.ts';
import { askerOf, type CredentialRequest, identifyRequest } from './credential-request.ts';

/** Whoever waits longer, in ms, is refused; and whoever does not take its answer within as much again is cut off. */
const timeLimitMs = 5_000;

/** All services of a device may start in one instant; each takes a descriptor until it has its turn. */
const mostConnections = 128;

/** How long a stop waits, in ms. */
const lingerMs = 1_000;

/** One line in ten seconds for each who is refused, after the first few. */
const refusalsLoggedPerSecond = 0.1;
const refusalsLoggedAtOnce = 5;

/** CREDENTIAL_SIZE_MAX of systemd: a credential that is longer fails the start of the unit. */
const longestCredential = 1024 * 1024;

export interface CredentialServerOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
  configuration(): Configuration;
  /** The profile of credentials whose client names none. */
  defaultProfile(): string;
  readonly bus: Pick<BusServer, 'requestFor'>;
  /** Told of every refusal that daemon-secrets does not see. @param client as far as it was found out */
  refused(uid: number, client: string | undefined): void;
}

/** Whether any client has credentials: without one nobody listens for them. */
export function servesCredentials({ clients }: Configuration): boolean {
  return Object.values(clients).some(({ credentials }) => Object.keys(credentials).length > 0);
}

/**
 * Gives services what their LoadCredential= asks for (systemd.exec(5)): systemd connects, names unit and credential by the address that it
 * comes from, and reads to the end. The protocol knows no refusal, and to end without a byte would be an empty secret, so that a refusal is
 * more than systemd takes: then the service does not start.
 */
export class CredentialServer {
  readonly #options: CredentialServerOptions;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  readonly #turns = new MutualExclusion();
  readonly #loggable: TokenBuckets;

  constructor(options: CredentialServerOptions) {
    this.#options = options;
    this.#loggable = new TokenBuckets(options.clock, refusalsLoggedPerSecond, refusalsLoggedAtOnce);
    // systemd closes its writing end at once, which must not close ours.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /** @throws SesameError already-running, socket-unusable */
  async listen(): Promise<void> {
    const { path, logger } = this.#options;
    await listenOn(this.#server, path, 0o600);
    this.#server.on('error', (thrown) => logger.error('no credential can be asked for', { cause: describe(thrown) }));
  }

  /** Stops accepting; who is waiting is refused, and who does not take that within a second is cut off. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#connections) if (socket.writable && socket.bytesWritten === 0) refuse(socket);
    const cutOff = setTimeout(() => this.#connections.forEach((socket) => void socket.destroy()), lingerMs);
    await closed;
    clearTimeout(cutOff);
  }

  #accept(socket: Socket): void {
    this.#connections.add(socket.resume());
    socket.on('error', (thrown) => this.#options.logger.debug('a credential was not taken', { cause: thrown.message }));
    const cutOff = setTimeout(() => socket.destroy(), 2 * timeLimitMs);
    socket.once('close', () => {
      clearTimeout(cutOff);
      this.#connections.delete(socket);
    });
    const deadline = this.#options.clock.monotonicMs() + timeLimitMs;
    // One at a time: what many ask for at once is bounded by the queue of daemon-secrets, and refusing would keep services from starting.
    void this.#turns.run('', () => this.#answer(socket, deadline));
  }

  async #answer(socket: Socket, deadline: number): Promise<void> {
    try {
      if (this.#connections.size > mostConnections) throw busy(`${mostConnections} others are waiting`);
      await this.#give(socket, this.#identify(socket), deadline);
    } catch (thrown) {
      if (!socket.destroyed) refuse(socket);
      this.#log(thrown);
    }
  }

  #identify(socket: Socket): CredentialRequest {
    const asker = askerOf(socket);
    try {
      return identifyRequest(asker, this.#options.configuration());
    } catch (thrown) {
      this.#options.refused(asker.uid, undefined);
      throw thrown;
    }
  }

  async #give(socket: Socket, { client, pid, credential, secret }: CredentialRequest, deadline: number): Promise<void> {
    const { bus, clock, defaultProfile, refused } = this.#options;
    const { name, clearance, credentials_profile: profile = defaultProfile() } = client;
    const remainingMs = deadline - clock.monotonicMs();
    if (remainingMs <= 0) throw busy('others took too long');
    const origin = { name, clearance, uid: 0, pid };
    try {
      const { attachment } = await bus.requestFor(origin, 'secret-get', { profile, name: secret }, remainingMs);
      if (socket.destroyed) {
        attachment?.release();
        return;
      }
      // Until the kernel has it, it stays where it is.
      socket.once('close', () => attachment?.release());
      socket.end(attachment?.bytes ?? Buffer.alloc(0));
    } catch (thrown) {
      const code = thrown instanceof SesameError ? thrown.code : undefined;
      if (code === 'clearance-too-low' || code === 'rate-limited') refused(0, name);
      throw SesameError.of(
        'credential-refused',
        { who: name, credential: JSON.stringify(credential), reason: describe(thrown) },
        thrown,
      );
    }
  }

  #log(thrown: unknown): void {
    const who = thrown instanceof SesameError ? thrown.parameters['who'] : undefined;
    if (this.#loggable.take(String(who))) this.#options.logger.warn(describe(thrown));
  }
}

function busy(reason: string): SesameError {
  return SesameError.of('daemon-busy', { daemon: 'daemon-profile', reason });
}

/** Zeros, a little more than systemd takes. */
function refuse(socket: Socket): void {
  // Written again and again it waits in the queue once.
  const piece = Buffer.alloc(65_536);
  for (let sent = 0; sent <= longestCredential; sent += piece.length) socket.write(piece);
  socket.end();
}
