// SPDX-License-Identifier: MIT
import type { Socket } from 'node:net';
import { describe, SesameError } from '../core/errors.ts';
import { IkInitiator, IkResponder, type NoiseSuite, type NoiseTransport, type StaticKey } from '../crypto/noise.ts';
import type { PeerCredentials } from '../linux/peer.ts';
import type { SecretMemory } from '../memory/secret-bytes.ts';
import { MessageReader, prefixed } from './frame.ts';
import type { KeyPair } from './keys.ts';

/** How long a handshake may take, in milliseconds. */
export const handshakeTimeLimitMs = 5000;

/** Message 1 of Noise IK without a payload has 96 bytes, message 2 has 48; more than this is not a handshake. */
export const longestHandshakeMessage = 256;

const noPayload = Buffer.alloc(0);

/**
 * Why the server ends a connection before there is a key to say it with: one byte in place of message 2, which is never that
 * short. Whoever could forge it could also close the socket.
 */
export const refusals = { 'client-refused': 1, busy: 2, 'handshake-failed': 3 } as const;
export type Refusal = keyof typeof refusals;

/** What both ends have when a handshake is done. */
export interface Session {
  readonly transport: NoiseTransport;
  /** The static public key that the other side proved to have. */
  readonly remotePublicKey: Buffer;
  /** With whatever arrived behind the handshake. */
  readonly messages: MessageReader;
}

interface HandshakeOptions {
  readonly memory: SecretMemory;
  readonly suite: NoiseSuite;
  readonly peer: PeerCredentials;
}

/** `PDS-IPC-v1:<lower pid>:<its uid>:<higher pid>:<its uid>` in ASCII, the same on both sides. */
export function prologue(one: { pid: number; uid: number }, other: { pid: number; uid: number }): Buffer {
  const [lower, higher] = one.pid <= other.pid ? [one, other] : [other, one];
  return Buffer.from(`PDS-IPC-v1:${lower.pid}:${lower.uid}:${higher.pid}:${higher.uid}`, 'ascii');
}

/** This process as the kernel shows it to its peers. */
function ourselves(): { pid: number; uid: number } {
  return { pid: process.pid, uid: process.geteuid?.() ?? 0 };
}

/**
 * The client's side.
 * @throws SesameError handshake-failed, client-refused, daemon-busy
 */
export async function initiate(
  socket: Socket,
  options: HandshakeOptions & { readonly key: KeyPair; readonly busKey: Buffer },
): Promise<Session> {
  const { key, busKey } = options;
  const initiator = beginInitiation({ ...options, key: { publicKey: key.publicKey, privateKey: key.privateKey.bytes } });
  const messages = new MessageReader();
  try {
    socket.write(prefixed(initiator.writeMessage1(noPayload)));
    const answer = await readMessage(socket, messages);
    return { transport: finishInitiation(initiator, answer), remotePublicKey: busKey, messages };
  } finally {
    initiator.destroy();
  }
}

/** The client's side without its socket. The caller destroys it. */
export function beginInitiation({
  memory,
  suite,
  peer,
  key,
  busKey,
}: HandshakeOptions & { readonly key: StaticKey; readonly busKey: Buffer }): IkInitiator {
  return new IkInitiator({ memory, suite, prologue: prologue(ourselves(), peer), staticKey: key, remotePublicKey: busKey });
}

/** @throws SesameError handshake-failed, client-refused, daemon-busy */
export function finishInitiation(initiator: IkInitiator, answer: Buffer): NoiseTransport {
  if (answer.length === 1) throw refused(answer.readUInt8(0));
  initiator.readMessage2(answer);
  return initiator.split();
}

/**
 * The server's side.
 * @param busKeys the keys that a client may have been told, newest first
 * @returns the session, and which of the keys the client knew
 * @throws SesameError handshake-failed
 */
export async function respond(
  socket: Socket,
  options: HandshakeOptions & { readonly busKeys: () => readonly KeyPair[] },
): Promise<Session & { readonly busKey: KeyPair }> {
  const messages = new MessageReader();
  const message1 = await readMessage(socket, messages);
  const { responder, busKey } = readMessage1(message1, options);
  socket.write(prefixed(responder.writeMessage2(noPayload)));
  return { transport: responder.split(), remotePublicKey: responder.remotePublicKey, messages, busKey };
}

function readMessage1(
  message: Buffer,
  { memory, suite, peer, busKeys }: HandshakeOptions & { readonly busKeys: () => readonly KeyPair[] },
): { responder: IkResponder; busKey: KeyPair } {
  let failure: unknown;
  for (const busKey of busKeys()) {
    const staticKey = { publicKey: busKey.publicKey, privateKey: busKey.privateKey.bytes };
    const responder = new IkResponder({ memory, suite, prologue: prologue(peer, ourselves()), staticKey });
    try {
      responder.readMessage1(message);
      return { responder, busKey };
    } catch (thrown) {
      failure = thrown;
    }
  }
  throw failed(describe(failure));
}

/** Reads one message and leaves the socket paused, so that nothing gets lost until somebody else listens. */
function readMessage(socket: Socket, messages: MessageReader): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (deliver: () => void) => {
      socket.off('data', onData).off('close', onClose).pause();
      deliver();
    };
    const onClose = () => settle(() => reject(failed('the connection was closed')));
    const onData = (chunk: Buffer) => {
      try {
        messages.push(chunk);
        const message = messages.next(longestHandshakeMessage);
        if (message !== undefined) settle(() => resolve(message));
      } catch (thrown) {
        settle(() => reject(failed(describe(thrown))));
      }
    };
    socket.on('data', onData).on('close', onClose).resume();
  });
}

function refused(code: number): SesameError {
  const refusal = Object.entries(refusals).find(([, value]) => value === code)?.[0];
  if (refusal === 'client-refused') return SesameError.of('client-refused', { uid: ourselves().uid });
  if (refusal === 'busy')
    return SesameError.of('daemon-busy', { daemon: 'daemon-profile', reason: 'too many connections are open' });
  return failed('it does not accept this handshake; are cipher, hash and bus.pub those of the running daemon?');
}

function failed(reason: string): SesameError {
  return SesameError.of('handshake-failed', { daemon: 'daemon-profile', reason });
}
