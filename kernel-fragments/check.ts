// SPDX-License-Identifier: MIT
// Says which options of the fragments a built kernel does not have, and what is lost by it. Image layers call this and fail on it:
//   node check.ts [--modules-serve] [--source DIRECTORY] .config FRAGMENT.cfg…
// Exit code 0: all there. 1: some are not. 2: it was called or written wrongly.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseConfiguration, parseFragment } from './fragment.ts';
import { contradictions, lostOptions, unknownOptions } from './survival.ts';

const usage = 'usage: node check.ts [--modules-serve] [--source DIRECTORY] .config FRAGMENT.cfg…\n';

function main(): number {
  let parsed: ReturnType<typeof readArguments>;
  try {
    parsed = readArguments();
  } catch {
    process.stderr.write(usage);
    return 2;
  }
  const { values, positionals } = parsed;
  const [configuration, ...files] = positionals;
  if (configuration === undefined || files.length === 0) {
    process.stderr.write(usage);
    return 2;
  }
  const fragments = files.map((file) => parseFragment(file, readFileSync(file, 'utf8')));
  const wanted = fragments.flatMap((fragment) => fragment.wanted);
  const mistakes = [
    ...fragments.flatMap(({ malformed }) => malformed.map(({ file, line, problem }) => `${file}:${line}: ${problem}`)),
    ...contradictions(wanted).map(
      ({ first, second }) =>
        `${second.file}:${second.line}: CONFIG_${second.option}=${second.value}, but ${first.file}:${first.line} wants ${first.value}`,
    ),
    ...(values.source === undefined ? [] : unknownOptions(wanted, definedOptions(values.source))).map(
      ({ option, file, line }) => `${file}:${line}: no Kconfig file of this kernel knows ${option}`,
    ),
  ];
  for (const mistake of mistakes) process.stderr.write(`${mistake}\n`);
  if (mistakes.length > 0) return 2;

  const lost = lostOptions(wanted, parseConfiguration(readFileSync(configuration, 'utf8')), values['modules-serve']);
  for (const { wanted: each, got } of lost) {
    process.stdout.write(
      `CONFIG_${each.option}: wanted ${each.value}, got ${got} (${each.file}:${each.line})\n    ${each.reason}\n`,
    );
  }
  process.stdout.write(`${wanted.length - lost.length} of ${wanted.length} options survived in ${configuration}\n`);
  return lost.length === 0 ? 0 : 1;
}

function readArguments() {
  return parseArgs({ allowPositionals: true, options: { 'modules-serve': { type: 'boolean' }, source: { type: 'string' } } });
}

/** Every option that a kernel source defines. */
function definedOptions(source: string): ReadonlySet<string> {
  const defined = new Set<string>();
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.startsWith('Kconfig')) continue;
    const text = readFileSync(join(entry.parentPath, entry.name), 'utf8');
    for (const [, option] of text.matchAll(/^\s*(?:menu)?config ([A-Za-z0-9_]+)\s*$/gm))
      if (option !== undefined) defined.add(option);
  }
  return defined;
}

process.exitCode = main();
