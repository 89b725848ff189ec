// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { commands } from '../../src/cli/commands.ts';
import type { Invocation } from '../../src/cli/invocation.ts';
import { parseCommandLine } from '../../src/cli/parse.ts';
import { SesameError } from '../../src/core/errors.ts';

function invocation(...words: string[]): Invocation {
  const parsed = parseCommandLine(commands, words);
  assert.ok(parsed.kind === 'command', `${words.join(' ')} is a command`);
  return parsed.invocation;
}

function refuses(words: string[], problem: RegExp): void {
  assert.throws(
    () => parseCommandLine(commands, words),
    (thrown) => thrown instanceof SesameError && thrown.exit === 2 && problem.test(thrown.message),
  );
}

describe('a command line', () => {
  it('takes options before, between and after the words of the command', () => {
    for (const words of [
      ['-p', 'device', 'secret', 'get', 'a'],
      ['--profile=device', 'secret', 'get', 'a'],
      ['secret', 'get', '-p', 'device', 'a'],
      ['secret', 'get', 'a', '--profile', 'device'],
      ['secret', 'get', 'a', '-pdevice'],
    ]) {
      const parsed = invocation(...words);
      assert.equal(parsed.command.name, 'secret get');
      assert.equal(parsed.value('profile'), 'device');
      assert.equal(parsed.required(0), 'a');
    }
  });

  it('keeps the order of options, which is the order of the lines on standard input', () => {
    const parsed = invocation('unlock', '--recovery-stdin', '-p', 'device', '--password-stdin');
    assert.deepEqual(
      parsed.options.map(({ long }) => long),
      ['recovery-stdin', 'profile', 'password-stdin'],
    );
  });

  it('takes a name that looks like an option after --', () => {
    assert.equal(invocation('secret', 'get', '--', '-odd').required(0), '-odd');
  });

  it('keeps everything behind -- for the child, options of ours included', () => {
    const parsed = invocation('env', '-p', 'a', '-p', 'b', '--', 'sh', '-c', 'true', '-p', 'x', '--', '--json');
    assert.deepEqual(parsed.values('profile'), ['a', 'b']);
    assert.deepEqual(parsed.positionals, ['sh', '-c', 'true', '-p', 'x', '--', '--json']);
  });

  it('takes the first word that is no option as the child when there is no --', () => {
    const parsed = invocation('env', '--prefix', 'APP', 'printenv', '--null');
    assert.equal(parsed.value('prefix'), 'APP');
    assert.deepEqual(parsed.positionals, ['printenv', '--null']);
  });

  it('asks for help wherever --help stands, except among the arguments of a child', () => {
    assert.deepEqual(parseCommandLine(commands, ['secret', 'get', '--help']), { kind: 'help', topic: 'secret get' });
    assert.deepEqual(parseCommandLine(commands, ['secret', '--help']), { kind: 'help', topic: 'secret' });
    assert.deepEqual(parseCommandLine(commands, ['-h']), { kind: 'help', topic: '' });
    assert.equal(invocation('env', '--', 'ls', '--help').command.name, 'env');
  });

  it('asks for the version', () => {
    assert.deepEqual(parseCommandLine(commands, ['--version']), { kind: 'version' });
  });
});

describe('a wrong command line', () => {
  it('without a command says so', () => refuses([], /a command is missing/));
  it('with an unknown command suggests a near one', () => refuses(['statsu'], /no command "statsu", did you mean status\?/));
  it('with half a command lists the other half', () => refuses(['secret'], /secret needs one of: get, set, list, delete/));
  it('with a wrong second word lists the right ones', () => refuses(['secret', 'put'], /has no "put", only: get, set/));
  it('with an unknown option names it and a near one', () =>
    refuses(['status', '--docter'], /has no option "--docter", did you mean --doctor\?/));
  it('with an unknown short option names it', () => refuses(['status', '-x'], /has no option "-x"/));
  it('with an option that lacks its value names it', () => refuses(['secret', 'list', '--prefix'], /--prefix needs a value/));
  it('with an option in place of the value names the option that lacks it', () => {
    refuses(['secret', 'list', '--prefix', '--json'], /--prefix needs a value/);
    refuses(['secret', 'list', '-p', '--json'], /--profile needs a value/);
    refuses(['secret', 'get', '-p', '--', 'a'], /--profile needs a value/);
  });
  it('with both words of a command in one is refused', () => refuses(['secret delete', 'a', 'b'], /no command "secret delete"/));
  it('with a value for a flag names it', () => refuses(['status', '--doctor=yes'], /--doctor takes no value/));
  it('with a value that is no choice lists the choices', () =>
    refuses(['export', '--format', 'xml'], /--format takes one of shell, dotenv, json, not "xml"/));
  it('with an argument that is no choice lists the choices', () =>
    refuses(['completion', 'csh'], /SHELL is one of bash, zsh, fish, not "csh"/));
  it('without a required argument names it', () => refuses(['secret', 'get'], /NAME is missing/));
  it('with one argument too many shows it', () => refuses(['secret', 'get', 'a', 'b'], /"b" is one argument too many/));
  it('without a child says so', () => refuses(['env', '-p', 'device', '--'], /COMMAND is missing/));
  it('with an option of another command is refused', () => refuses(['lock', '--password-stdin'], /has no option/));

  it('of any form is either understood or refused as wrong usage', () => {
    const word = fc.oneof(
      fc.constantFrom('secret', 'get', 'env', 'init', '--', '-p', '--profile', '--json', '--help', '-', '--lines=x', '-n'),
      fc.string({ unit: 'binary', maxLength: 6 }),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (words) => {
        try {
          parseCommandLine(commands, words);
        } catch (thrown) {
          assert.ok(thrown instanceof SesameError);
          assert.equal(thrown.code, 'usage');
        }
      }),
    );
  });
});

describe('a number on the command line', () => {
  const bounds = { least: 1, most: 200, otherwise: 20 };

  it('has a default', () => assert.equal(invocation('audit', 'tail').number('lines', bounds), 20));
  it('is read in decimal', () => assert.equal(invocation('audit', 'tail', '-n', '007').number('lines', bounds), 7));

  for (const text of ['0', '201', '-1', '1e2', '0x10', '5.0', '', ' 5', '9'.repeat(30)]) {
    it(`is refused as ${JSON.stringify(text)}`, () => {
      const parsed = invocation('audit', 'tail', `--lines=${text}`);
      assert.throws(() => parsed.number('lines', bounds), { code: 'usage' });
    });
  }
});

describe('the definitions', () => {
  it('have names of their own', () => {
    const names = commands.map(({ name }) => name);
    assert.deepEqual(names, [...new Set(names)]);
  });

  it('do not use a first word both as a command and as a group', () => {
    const single = commands.filter(({ name }) => !name.includes(' ')).map(({ name }) => name);
    assert.deepEqual(
      commands.filter(({ name }) => name.includes(' ') && single.includes(name.replace(/ .*/, ''))).map(({ name }) => name),
      [],
    );
  });

  for (const command of commands) {
    it(`of ${command.name} lead to code that runs`, async () => {
      const { run } = await command.load();
      assert.equal(typeof run, 'function');
    });

    it(`of ${command.name} have examples that are right`, () => {
      for (const { line } of command.examples) {
        const words = [...line.replace(/[<>|].*|^.*\| (?=sesame)|^.*\(|[)"].*/g, '').matchAll(/\S+/g)].map(([word]) => word);
        assert.equal(invocation(...words.slice(words.indexOf('sesame') + 1)).command.name, command.name, line);
      }
    });
  }
});
