// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseEnv } from 'node:util';
import { Device } from '../../support/device.ts';
import { onTerminal } from '../pty.ts';
import { ends } from './expect.ts';

const program = join(import.meta.dirname, '../../../../dist/bin/sesame');

describe('sesame env and export', () => {
  const device = new Device();
  before(async () => {
    await device.start();
    for (const profile of ['first', 'second']) await device.initialise(profile);
    const values: [string, string, string | Buffer][] = [
      ['first', 'api-key', 'from first'],
      ['first', 'ld-preload', '/tmp/evil.so'],
      ['first', 'quote', `it's "quoted" $(id) \\ \n end`],
      ['second', 'api-key', 'from second'],
      ['second', 'only-second', 'ü'],
    ];
    for (const [profile, name, value] of values) await device.must(['secret', 'set', '-p', profile, name], value);
  });
  after(() => device.dispose());

  const env = (...words: string[]) => device.sesame(['env', '-p', 'first', '-p', 'second', '--', ...words]);

  it('give a program its variables, the first profile winning', async () => {
    const { code, stdout } = await env('sh', '-c', 'printf "%s|%s" "$API_KEY" "$ONLY_SECOND"');
    assert.equal(code, 0);
    assert.equal(stdout.toString(), 'from first|ü');
  });

  it('pass a value on whatever quotes it holds', async () => {
    const { stdout } = await env('printenv', 'QUOTE');
    assert.equal(stdout.toString(), `it's "quoted" $(id) \\ \n end\n`);
  });

  it('put a prefix before every name', async () => {
    const { stdout } = await device.sesame(['env', '-p', 'first', '--prefix', 'my-app', '--', 'printenv', 'MY_APP_API_KEY']);
    assert.equal(stdout.toString(), 'from first\n');
  });

  it('never set a name that could take over a program, and name it', async () => {
    const { stdout, stderr } = await env('printenv');
    assert.doesNotMatch(stdout.toString(), /LD_PRELOAD|evil/);
    assert.match(stderr, /^sesame: the secret "ld-preload" of profile first is skipped: a variable LD_PRELOAD/m);
  });

  it("return the program's own exit code", async () => assert.equal((await env('sh', '-c', 'exit 41')).code, 41));
  it('return 127 for a program that is not there', async () => {
    const { code, stderr } = await env('no-such-program');
    assert.equal(code, 127);
    assert.match(stderr, /^sesame: there is no program "no-such-program"$/m);
  });
  it('return 126 for a file that cannot be run', async () => assert.equal((await env('/etc/passwd')).code, 126));
  it('end by the signal that ended the program', async () => {
    const { status } = spawnSync(
      'sh',
      ['-c', '"$@"; exit $?', 'sh', program, 'env', '-p', 'first', '--', 'sh', '-c', 'kill -TERM $$'],
      {
        env: device.environment,
      },
    );
    assert.equal(status, 128 + 15);
  });

  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGUSR1', 'SIGUSR2'] as const) {
    it(`leave ${signal} to the program, which has the place of sesame`, async () => {
      const script = `trap 'echo caught; exit 5' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`;
      const child = spawn(program, ['env', '-p', 'first', '--', 'sh', '-c', script], { env: device.environment });
      let shown = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        if (text.includes('ready')) child.kill(signal);
        shown += text;
      });
      const [code] = await once(child, 'exit');
      assert.equal(code, 5);
      assert.match(shown, /caught/);
    });
  }

  it('leave no Node beside the program', async () => {
    const { stdout } = await env('sh', '-c', 'cat /proc/$PPID/comm; readlink /proc/$$/exe');
    const [parent, itself] = stdout.toString().trim().split('\n');
    assert.equal(parent, readFileSync('/proc/self/comm', 'utf8').trim());
    assert.doesNotMatch(itself ?? '', /node/);
  });

  it('give the program a terminal and its interrupt key', () => {
    const script = `trap 'echo "caught by $API_KEY"; exit 7' INT; tty >/dev/null && echo ready; while :; do sleep 0.05; done`;
    const words = [program, 'env', '-p', 'first', '--', 'sh', '-c', script];
    const run = onTerminal(words, [{ after: 'ready', keys: '\u0003' }], device.environment);
    assert.match(run.shown, /caught by from first/);
    assert.deepEqual([run.code, run.restored], [7, true]);
  });

  it('end quietly in a pipe whose reader is gone', () => {
    const { stdout, stderr } = spawnSync('sh', ['-c', '"$@" | head -1', 'sh', program, 'env', '-p', 'first', '--', 'yes'], {
      env: device.environment,
      encoding: 'utf8',
      timeout: 20_000,
    });
    assert.deepEqual([stdout, stderr.replace(/^sesame: the secret "ld-preload".*\n/m, '')], ['y\n', '']);
  });

  it('give the program the signals and limits of the caller', () => {
    const script = `grep -E '^Sig(Blk|Ign)' /proc/self/status; ulimit -Sn; ulimit -Hn; ulimit -c; umask`;
    const through = ['nohup', 'prlimit', '--nofile=300:4000'];
    const shown = (...words: string[]) => {
      const [first = '', ...rest] = [...through, ...words, 'sh', '-c', script];
      return spawnSync(first, rest, { env: device.environment, encoding: 'utf8' }).stdout;
    };
    assert.equal(shown(program, 'env', '-p', 'second', '--'), shown());
  });

  it('pass values, arguments and variables on that are not UTF-8', async () => {
    await device.must(['secret', 'set', '-p', 'second', 'latin'], Buffer.from([0xe9, 0xff]));
    // Node hands strings on as UTF-8, so a shell has to make the bytes.
    const inner = `printf '%s|%s|%s' "$LATIN" "$MINE" "$1" | od -An -tx1`;
    const outer = `MINE=$(printf '\\376') exec "$0" env -p second -- sh -c '${inner.replaceAll("'", `'\\''`)}' sh "$(printf '\\375')"`;
    const { stdout } = spawnSync('sh', ['-c', outer, program], { env: device.environment, encoding: 'utf8' });
    await device.must(['secret', 'delete', '-p', 'second', 'latin']);
    assert.equal(stdout.trim(), 'e9 ff 7c fe 7c fd');
  });

  it('return 126 and say so when the environment is too long', async () => {
    const large = Object.fromEntries(Array.from({ length: 19 }, (_, index) => [`LARGE_${index}`, 'x'.repeat(105_000)]));
    for (const name of ['one', 'two', 'three'])
      await device.must(['secret', 'set', '-p', 'second', name], Buffer.alloc(65_536, 120));
    const { code, stderr } = await device.sesame(['env', '-p', 'second', '--', 'true'], '', large);
    for (const name of ['one', 'two', 'three']) await device.must(['secret', 'delete', '-p', 'second', name]);
    assert.equal(code, 126);
    assert.match(stderr, /longer than the kernel takes \(E2BIG\)/);
  });

  it('take the first program of PATH that may be executed', async () => {
    const { code, stdout } = await device.sesame(['env', '-p', 'first', '--', 'printenv', 'API_KEY'], '', {
      PATH: `/no/such:/etc/passwd::${process.env['PATH']}`,
    });
    assert.deepEqual([code, stdout.toString()], [0, 'from first\n']);
  });

  it('run a script without an interpreter by the shell', async () => {
    const script = join(device.home, 'script');
    writeFileSync(script, 'echo "$1 $API_KEY"\n', { mode: 0o755 });
    const { code, stdout } = await env(script, 'argument');
    assert.deepEqual([code, stdout.toString()], [0, 'argument from first\n']);
  });

  it('return 126 for a script whose interpreter is missing', async () => {
    const script = join(device.home, 'broken');
    writeFileSync(script, '#!/no/such/interpreter\n', { mode: 0o755 });
    const { code, stderr } = await env(script);
    assert.equal(code, 126);
    assert.match(stderr, /the interpreter that it names is missing/);
  });

  it("give the program the caller's standard input, environment and umask", async () => {
    const result = await device.sesame(
      ['env', '-p', 'first', '--', 'sh', '-c', 'cat; printf "|%s|%s|" "$MINE" "$NODE_OPTIONS"; umask'],
      'in',
      {
        MINE: 'mine',
        NODE_OPTIONS: '--no-warnings',
      },
    );
    const umask = spawnSync('sh', ['-c', 'umask'], { encoding: 'utf8' }).stdout;
    assert.equal(result.stdout.toString(), `in|mine|--no-warnings|${umask}`);
  });

  it('leave nothing of ours in the environment of the program', async () => {
    const { stdout } = await device.sesame(['env', '-p', 'second', '--', 'env'], '', { NODE_OPTIONS: '--no-warnings' });
    const added = stdout
      .toString()
      .split('\n')
      .map((line) => line.replace(/=.*/s, ''))
      .filter((name) => name !== '' && !Object.hasOwn(device.environment, name));
    assert.deepEqual(
      added.filter((name) => !['API_KEY', 'ONLY_SECOND', 'NODE_OPTIONS', 'PWD', 'OLDPWD', 'SHLVL', '_'].includes(name)),
      [],
    );
  });

  it('skip and name a value that no environment can hold', async () => {
    await device.must(['secret', 'set', '-p', 'second', 'binary'], Buffer.from('a\0b'));
    const { code, stderr } = await device.sesame(['env', '-p', 'second', '--', 'true']);
    await device.must(['secret', 'delete', '-p', 'second', 'binary']);
    assert.equal(code, 0);
    assert.match(stderr, /"binary" of profile second is skipped: its value holds a NUL byte/);
  });

  it('do not start the program when the vault is locked', async () => {
    await device.must(['lock', '-p', 'second']);
    await ends(device, 4, ['env', '-p', 'second', '--', 'echo', 'started']);
    await device.unlock('second');
  });

  it('print what a shell can evaluate', async () => {
    const { stdout } = await ends(device, 0, ['export', '-p', 'first', '--format', 'shell']);
    const shown = spawnSync('sh', ['-c', 'eval "$(cat)"; printf "%s|%s|%s" "$API_KEY" "$QUOTE" "$LD_PRELOAD"'], {
      input: stdout,
    });
    assert.equal(shown.stdout.toString(), `from first|it's "quoted" $(id) \\ \n end|`);
  });

  it('print a dotenv file', async () => {
    const { stdout } = await ends(device, 0, ['export', '-p', 'second', '-f', 'dotenv']);
    assert.deepEqual({ ...parseEnv(stdout.toString()) }, { API_KEY: 'from second', ONLY_SECOND: 'ü' });
  });

  it('print JSON', async () => {
    const { stdout } = await ends(device, 0, ['export', '-p', 'first', '-p', 'second', '--format', 'json']);
    assert.deepEqual(JSON.parse(stdout.toString()), {
      API_KEY: 'from first',
      QUOTE: `it's "quoted" $(id) \\ \n end`,
      ONLY_SECOND: 'ü',
    });
  });

  it('print more than fits into one answer of the bus', async () => {
    const names = ['LARGE_1', 'LARGE_2', 'LARGE_3'];
    for (const name of names) await device.must(['secret', 'set', '-p', 'second', name], name.repeat(9000));
    const { stdout } = await ends(device, 0, ['export', '-p', 'second', '-p', 'first', '-f', 'json']);
    for (const name of names) await device.must(['secret', 'delete', '-p', 'second', name]);
    const exported: unknown = JSON.parse(stdout.toString());
    assert.deepEqual(exported, {
      API_KEY: 'from second',
      QUOTE: `it's "quoted" $(id) \\ \n end`,
      ONLY_SECOND: 'ü',
      ...Object.fromEntries(names.map((name) => [name, name.repeat(9000)])),
    });
  });

  it('print nothing at all when a value does not fit', async () => {
    await device.must(['secret', 'set', '-p', 'second', 'raw'], Buffer.from([0xff]));
    const { stderr } = await ends(device, 2, ['export', '-p', 'second', '--format', 'json']);
    assert.match(stderr, /"raw" of profile second does not fit into json: it is not UTF-8/);
    await ends(device, 0, ['export', '-p', 'second', '--format', 'shell']);
    await device.must(['secret', 'delete', '-p', 'second', 'raw']);
  });
});
