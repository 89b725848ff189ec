// SPDX-License-Identifier: MIT
import { constants } from 'node:os';
import type { Logger } from '../core/log.ts';
import { heartbeatReadiness } from './heartbeat.ts';
import { close, describeErrno, sendto, socket } from './libc.ts';
import { unixAddress } from './unix-address.ts';

/** What a daemon tells the program that supervises it. */
export interface Readiness {
  /** How often `alive` is expected, in milliseconds; undefined when nobody waits for it. */
  readonly aliveEveryMs: number | undefined;
  /** Requests are answered from now on. */
  ready(): void;
  /** The event loop still turns. */
  alive(): void;
  /** The daemon is going down because it was asked to. */
  stopping(): void;
}

/** For a supervisor that does not ask. */
export const silentReadiness: Readiness = {
  aliveEveryMs: undefined,
  ready: () => {},
  alive: () => {},
  stopping: () => {},
};

/**
 * The readiness that the environment asks for: sd_notify(3) where NOTIFY_SOCKET is set, a heartbeat where PDS_HEARTBEAT_FILE is,
 * otherwise none.
 * @param logger told at WARN when the supervisor cannot be reached; a daemon goes on without it
 */
export function openReadiness(logger?: Logger, environment: NodeJS.ProcessEnv = process.env): Readiness {
  const path = environment['NOTIFY_SOCKET'];
  const heartbeat = environment['PDS_HEARTBEAT_FILE'];
  if ((path === undefined || path === '') && heartbeat !== undefined && heartbeat !== '')
    return heartbeatReadiness(heartbeat, logger);
  if (path === undefined || path === '') return silentReadiness;
  if (!/^[/@]/.test(path)) {
    logger?.warn('the supervisor is not told anything: its address is of a kind not known here', { address: path });
    return silentReadiness;
  }
  const address = unixAddress(path);
  let listening = true;
  const tell = (state: string) => {
    const errno = sendDatagram(address, Buffer.from(state));
    if (errno !== 0 && listening) logger?.warn('the supervisor does not listen', { address: path, cause: describeErrno(errno) });
    listening = errno === 0;
  };
  return {
    aliveEveryMs: watchdogPeriod(environment, logger),
    ready: () => tell('READY=1'),
    alive: () => tell('WATCHDOG=1'),
    stopping: () => tell('STOPPING=1'),
  };
}

/**
 * Half of what sd_watchdog_enabled(3) gives as the limit, as it recommends; undefined when there is none or it is meant for another
 * process. A limit that is none, zero above all, is named: nobody could keep it.
 */
function watchdogPeriod(environment: NodeJS.ProcessEnv, logger?: Logger): number | undefined {
  const limit = environment['WATCHDOG_USEC'];
  const forUs = [undefined, String(process.pid)].includes(environment['WATCHDOG_PID']);
  if (limit === undefined || !forUs) return undefined;
  const microseconds = Number(limit);
  if (Number.isSafeInteger(microseconds) && microseconds > 0) return Math.max(1, Math.floor(microseconds / 2000));
  logger?.warn('the supervisor gets no signs of life: WATCHDOG_USEC is no number of microseconds above zero', { value: limit });
  return undefined;
}

const afUnix = 1;
const sockDatagram = 2;
const sockCloseOnExec = 0o2000000;
const messageNoSignal = 0x4000;

/** Node has no datagrams on Unix sockets. A socket for each is cheap at one in seconds, and survives a supervisor that restarts. */
function sendDatagram(address: Buffer, data: Buffer): number {
  const { value: descriptor, errno } = socket(afUnix, sockDatagram | sockCloseOnExec, 0);
  if (errno !== 0) return errno;
  const longestAddress = 110;
  const sent =
    address.length > longestAddress ? constants.errno.ENAMETOOLONG : sendto(descriptor, data, messageNoSignal, address).errno;
  close(descriptor);
  return sent;
}
