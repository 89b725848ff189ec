// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';

/** What came of a program on a terminal of its own. */
export interface TerminalRun {
  /** Everything that the terminal showed. */
  readonly shown: string;
  /** Exit code, or 128 and the signal's number. */
  readonly code: number;
  /** Whether the terminal echoed and delivered signals again at the end. */
  readonly restored: boolean;
}

// The typing waits for each prompt: what is typed before the terminal is raw would be echoed.
const player = `
import json, os, pty, select, signal, sys, termios, time
words, typed, environment, waitFor = json.load(sys.stdin)
pid, terminal = pty.fork()
if pid == 0:
    os.execvpe(words[0], words, environment)
shown = b""
deadline = time.time() + 20
def drain(seconds):
    global shown
    ready, _, _ = select.select([terminal], [], [], seconds)
    if not ready: return True
    try: chunk = os.read(terminal, 65536)
    except OSError: return False
    shown += chunk
    return len(chunk) > 0
for prompt, keys in zip(waitFor, typed):
    while prompt.encode() not in shown and time.time() < deadline and drain(0.05): pass
    time.sleep(0.05)
    if keys.startswith("SIG"): os.kill(pid, getattr(signal, keys))
    else: os.write(terminal, bytes.fromhex(keys))
status = None
while status is None and time.time() < deadline:
    alive = drain(0.05)
    done, state = os.waitpid(pid, os.WNOHANG)
    if done: status = state
while drain(0.05): 
    if not select.select([terminal], [], [], 0)[0]: break
try:
    flags = termios.tcgetattr(terminal)[3]
    restored = bool(flags & termios.ECHO) and bool(flags & termios.ISIG) and bool(flags & termios.ICANON)
except termios.error:
    restored = True
if status is None: os.kill(pid, 9); code = -1
elif os.WIFSIGNALED(status): code = 128 + os.WTERMSIG(status)
else: code = os.WEXITSTATUS(status)
print(json.dumps({"shown": shown.decode("utf8", "replace"), "code": code, "restored": restored}))
`;

/** A prompt to wait for, and the bytes that are typed then, or a signal that is sent. */
export interface Typing {
  readonly after: string;
  readonly keys: string | Buffer | { readonly signal: NodeJS.Signals };
}

/** Runs a program on a pseudo-terminal that is its controlling terminal. */
export function onTerminal(
  words: readonly string[],
  typing: readonly Typing[],
  environment: NodeJS.ProcessEnv = process.env,
): TerminalRun {
  const keys = typing.map(({ keys: typed }) =>
    typeof typed === 'object' && 'signal' in typed ? typed.signal : Buffer.from(typed).toString('hex'),
  );
  const request = JSON.stringify([words, keys, environment, typing.map(({ after }) => after)]);
  const { stdout, stderr } = spawnSync('python3', ['-c', player], { input: request, encoding: 'utf8' });
  const run: unknown = JSON.parse(stdout || JSON.stringify({ shown: stderr, code: -1, restored: false }));
  if (!isTerminalRun(run)) throw new TypeError(`the player answered: ${stdout}`);
  return run;
}

function isTerminalRun(value: unknown): value is TerminalRun {
  return typeof value === 'object' && value !== null && 'shown' in value && 'code' in value && 'restored' in value;
}
