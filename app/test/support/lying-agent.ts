// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * What a lying agent answers, as the Python body of a function of `body` (the request behind its type) and `count` (of signatures so far).
 * Bytes are the contents of a frame; the parts of a list go onto the wire as they are; None says nothing. What it does not lie about it
 * passes on to the agent at SSH_AUTH_SOCK.
 */
export interface Lie {
  readonly identities?: string;
  readonly sign?: string;
}

const functions = (lie: Lie, index: number) => `
def identities_${index}(body, count):
    ${lie.identities ?? 'return upstream(bytes([11]))'}
def sign_${index}(body, count):
    ${lie.sign ?? 'return upstream(bytes([13]) + body)'}
`;

const program = (lies: readonly Lie[]) => `
import hashlib, os, socket, struct, subprocess, sys, threading, time
def string(data): return struct.pack(">I", len(data)) + data
def identities(*keys): return bytes([12]) + struct.pack(">I", len(keys)) + b"".join(string(key) + string(b"a comment") for key in keys)
def signature(name, inner): return bytes([14]) + string(string(name) + string(inner))
failure = bytes([5])
# Ed25519 (RFC 8032) with a random number in each signature, which verifies just as well.
p, order = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
d = -121665 * pow(121666, -1, p) % p
base = (15112221349535400772501151409588531511454012693041857206046113283949847762202, 4 * pow(5, -1, p) % p)
def add(a, b):
    product = d * a[0] * b[0] * a[1] * b[1]
    return ((a[0] * b[1] + b[0] * a[1]) * pow(1 + product, -1, p) % p, (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, -1, p) % p)
def times(factor, point):
    total = (0, 1)
    while factor:
        if factor & 1: total = add(total, point)
        point, factor = add(point, point), factor >> 1
    return total
def encoded(point): return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")
secret = int.from_bytes(os.urandom(32), "little") % order
public = encoded(times(secret, base))
random_key = string(b"ssh-ed25519") + string(public)
def random_signature(data):
    nonce = int.from_bytes(os.urandom(32), "little") % order
    commitment = encoded(times(nonce, base))
    k = int.from_bytes(hashlib.sha512(commitment + public + data).digest(), "little")
    return signature(b"ssh-ed25519", commitment + ((nonce + k * secret) % order).to_bytes(32, "little"))
def read(peer, length):
    data = b""
    while len(data) < length:
        more = peer.recv(length - len(data))
        if not more: raise EOFError
        data += more
    return data
def fields(body):
    found = []
    while len(body) > 4:
        length = struct.unpack(">I", body[:4])[0]
        found.append(body[4:4 + length]); body = body[4 + length:]
    return found
def upstream(request):
    other = socket.socket(socket.AF_UNIX); other.connect(os.environ["SSH_AUTH_SOCK"])
    other.sendall(string(request))
    answer = read(other, struct.unpack(">I", read(other, 4))[0])
    other.close()
    return answer
${lies.map(functions).join('')}
def serve(listener, on_identities, on_sign):
    signatures = 0
    while True:
        peer, _ = listener.accept()
        try:
            while True:
                request = read(peer, struct.unpack(">I", read(peer, 4))[0])
                if request[0] == 13: signatures += 1
                answer = on_identities(request[1:], 0) if request[0] == 11 else on_sign(request[1:], signatures)
                if answer is None: continue
                for part in answer if isinstance(answer, list) else [string(answer)]: peer.sendall(part)
        except (EOFError, OSError): peer.close()
for index in range(${lies.length}):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("%s/%d.sock" % (sys.argv[1], index)); listener.listen(8)
    lies = (globals()["identities_%d" % index], globals()["sign_%d" % index])
    threading.Thread(target=serve, args=(listener, *lies), daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
`;

/** Agents that lie, one for each lie, in a process of their own: what is tested waits in the kernel and lets nobody in its own answer. */
export class LyingAgents {
  readonly #directory = mkdtempSync(join(tmpdir(), 'liars-'));
  readonly #process: ChildProcess;
  readonly #names: readonly string[];

  private constructor(lies: Readonly<Record<string, Lie>>, environment: NodeJS.ProcessEnv) {
    this.#names = Object.keys(lies);
    const source = program(Object.values(lies));
    this.#process = spawn('python3', ['-c', source, this.#directory], { env: environment, stdio: ['pipe', 'pipe', 'inherit'] });
  }

  static async start(lies: Readonly<Record<string, Lie>>, environment: NodeJS.ProcessEnv): Promise<LyingAgents> {
    const agents = new LyingAgents(lies, environment);
    await new Promise((resolve, reject) => {
      agents.#process.stdout?.once('data', resolve);
      agents.#process.once('exit', reject);
    });
    return agents;
  }

  /** The socket of the agent with this lie. */
  socket(name: string): string {
    const index = this.#names.indexOf(name);
    assert.ok(index >= 0, name);
    return join(this.#directory, `${index}.sock`);
  }

  stop(): void {
    this.#process.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
