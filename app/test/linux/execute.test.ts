// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type Inherited, replaceProcess } from '../../src/linux/execute.ts';
import { onTerminal } from '../cli/pty.ts';
import { type Ended, runModule } from '../support/child.ts';

const directory = mkdtempSync(join(tmpdir(), 'execute-'));
after(() => rmSync(directory, { recursive: true }));

const prelude = `import { replaceProcess } from '${import.meta.resolve('../../src/linux/execute.ts')}';
  import { readFileSync } from 'node:fs';
  const bytes = (texts) => texts.map((text) => Buffer.from(text, 'latin1'));`;

/** A program that becomes another one. */
function becoming(
  words: readonly string[],
  { inherited = '{}', before = '', environment = ['PATH=/usr/bin:/bin'] } = {},
): string {
  const [path = ''] = words;
  const list = (texts: readonly string[]) => `bytes(${JSON.stringify(texts)})`;
  return `${prelude} ${before}
    const errno = replaceProcess(Buffer.from('${path}'), ${list(words)}, ${list(environment)}, ${inherited});
    console.log('still here: ' + errno);`;
}

function run(words: readonly string[], options: Parameters<typeof becoming>[1] = {}, through: readonly string[] = []): Ended {
  return runModule(becoming(words, options), { through });
}

/** What a shell shows of itself, with nothing of Node in between and behind a process that was replaced. */
function same(script: string, inherited: Inherited = {}, through: readonly string[] = []): void {
  const [program = '', ...rest] = [...through, '/bin/sh', '-c', script];
  const bare = spawnSync(program, rest, { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } });
  const text = `{ ${Object.entries(inherited).map(([name, value]) => `${name}: ${value}${typeof value === 'bigint' ? 'n' : ''}`)} }`;
  assert.equal(run(['/bin/sh', '-c', script], { inherited: text }, through).stdout, bare.stdout);
}

const refused = (path: string): string => replaceProcess(Buffer.from(path), [Buffer.from(path)], []);

describe('replacing a process', () => {
  it('leaves no Node: the program has its process', () => {
    assert.equal(
      run(['/bin/sh', '-c', 'readlink /proc/$$/exe']).stdout,
      spawnSync('readlink', ['-f', '/bin/sh']).stdout.toString(),
    );
  });

  it('hands arguments and environment on byte by byte', () => {
    const words = ['/bin/sh', '-c', 'printf "%s|%s" "$1" "$RAW" | od -An -tx1', 'sh', 'a\xffb'];
    const { stdout } = run(words, { environment: ['PATH=/usr/bin:/bin', 'RAW=\xfe\n='] });
    assert.equal(stdout.trim(), '61 ff 62 7c fe 0a 3d');
  });

  it('hands on no more than that environment', () => assert.equal(run(['/usr/bin/env']).stdout, 'PATH=/usr/bin:/bin\n'));
  it('hands on an empty environment and no arguments beyond the name', () => {
    assert.equal(run(['/usr/bin/env'], { environment: [] }).stdout, '');
  });

  it("gives the program's exit code and signal", () => {
    assert.equal(run(['/bin/sh', '-c', 'exit 41']).status, 41);
    assert.equal(run(['/bin/sh', '-c', 'kill -TERM $$']).signal, 'SIGTERM');
  });

  it('lets a signal end a program again that Node ignored: a pipe whose reader is gone', () => {
    const script = `"$@" | head -1; exit 0`;
    const source = becoming(['/usr/bin/yes']);
    const words = [
      '-c',
      script,
      'sh',
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      '--input-type=module',
      '--eval',
      source,
    ];
    const { stderr, stdout } = spawnSync('sh', words, { encoding: 'utf8', timeout: 20_000 });
    assert.deepEqual([stdout, stderr], ['y\n', '']);
  });

  const signals = `grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status`;
  it('leaves no signal ignored or blocked', () => same(signals));
  it('keeps those ignored that its caller ignored', () => {
    same(signals, { ignoredSignals: 1n }, ['nohup']);
  });

  it('gives the limit of open files back that Node raised', () => {
    same('ulimit -Sn; ulimit -Hn', { openFiles: 300 }, ['prlimit', '--nofile=300:4000']);
  });

  it('leaves umask and core limit alone', () => same('umask; ulimit -c; ulimit -Hc'));

  it('leaves the standard streams blocking', () => same(`for n in 0 1 2; do grep flags /proc/self/fdinfo/$n; done`));

  it('closes every other descriptor, those of its caller included', () => {
    const descriptor = openSync('/dev/null', 'r');
    const words = [
      '--disable-warning=ExperimentalWarning',
      '--input-type=module',
      '--eval',
      becoming(['/bin/ls', '/proc/self/fd']),
    ];
    const stdio = ['ignore', 'pipe', 'pipe', ...new Array<number>(30).fill(descriptor)] as const;
    const { stdout } = spawnSync(process.execPath, words, { encoding: 'utf8', stdio: [...stdio] });
    closeSync(descriptor);
    // 3 is the directory that ls reads.
    assert.equal(stdout, '0\n1\n2\n3\n');
  });

  it('makes the process traceable again', () => {
    const before = `const { denyTracing } = await import('${import.meta.resolve('../../src/linux/process.ts')}'); denyTracing();`;
    const { stdout } = run(['/bin/sh', '-c', 'cat /proc/$$/environ | wc -c'], { before });
    assert.equal(stdout, `${'PATH=/usr/bin:/bin'.length + 1}\n`);
  });

  it('leaves a terminal to the program', () => {
    const words = [process.execPath, '--disable-warning=ExperimentalWarning', '--input-type=module', '--eval'];
    const script = 'stty -a | grep -o " icanon"; echo ready; read line; echo "got $line"; tty >/dev/null && echo terminal';
    const run = onTerminal([...words, becoming(['/bin/sh', '-c', script])], [{ after: 'ready', keys: 'typed\n' }]);
    assert.match(run.shown, / icanon\r\nready\r\n(typed\r\n)?got typed\r\nterminal/);
    assert.deepEqual([run.code, run.restored], [0, true]);
  });

  it('leaves the interrupt key of a terminal to the program', () => {
    const words = [process.execPath, '--disable-warning=ExperimentalWarning', '--input-type=module', '--eval'];
    const script = `trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.05; done`;
    const run = onTerminal([...words, becoming(['/bin/sh', '-c', script])], [{ after: 'ready', keys: '\u0003' }]);
    assert.equal(run.code, 7);
    assert.match(run.shown, /caught/);
  });
});

describe('a replacement that fails', () => {
  it('names what is missing', () => assert.equal(refused('/no/such/program'), 'ENOENT'));
  it('names what may not be executed', () => assert.equal(refused('/etc/passwd'), 'EACCES'));
  it('names what is no program', () => {
    const path = join(directory, 'text');
    writeFileSync(path, 'echo\n', { mode: 0o755 });
    assert.equal(refused(path), 'ENOEXEC');
  });

  it('names what is too long', () => {
    const large = Array.from({ length: 80 }, (_, index) => Buffer.from(`V${index}=${'x'.repeat(100_000)}`));
    assert.equal(replaceProcess(Buffer.from('/bin/true'), [Buffer.from('true')], large), 'E2BIG');
  });

  it('refuses a NUL byte, which would cut the string short', () => {
    assert.throws(() => replaceProcess(Buffer.from('/bin/true'), [Buffer.from('a\0b')], []), /has no NUL byte/);
  });

  it('leaves signals and limits as they were', () => {
    const shown = () => readFileSync('/proc/self/status', 'utf8').match(/^Sig(Blk|Ign|Cgt).*$/gm);
    const limits = () => readFileSync('/proc/self/limits', 'utf8').match(/^Max open files.*$/m)?.[0];
    const before = [shown(), limits()];
    replaceProcess(Buffer.from('/no/such/program'), [], [], { openFiles: 64, ignoredSignals: 1n });
    assert.deepEqual([shown(), limits()], before);
  });

  it('leaves no mapping behind', () => {
    const lines = () => readFileSync('/proc/self/maps', 'utf8').split('\n').length;
    refused('/no/such/program');
    const before = lines();
    const large = [Buffer.from(`V=${'x'.repeat(100_000)}`)];
    for (let round = 0; round < 50; round += 1) replaceProcess(Buffer.from('/no/such/program'), [], large);
    assert.ok(lines() < before + 25, `${lines()} mappings after ${before}`);
  });
});
