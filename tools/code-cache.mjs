// SPDX-License-Identifier: MIT
// Compiling takes a command that lives for milliseconds more time than anything else it does. V8 can keep what it compiled: this writes a
// program so that it looks for that beside itself, and makes it by running the program once for what it is used for most.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { say } from './setup.mjs';

/**
 * Writes LIB/NAME-HASH.js, which is looked for with LIB/NAME-HASH-VERSION-ARCHITECTURE.cache beside it. V8 refuses a cache of another version
 * of itself, of other flags or for a text of another length, and compiles then; the name keeps apart what it does not compare. Nothing
 * ever writes there but the build.
 * @returns the name before its endings
 */
function writeText(lib, name, text) {
  // The wrapper is in the file: put around the text when it is read, it would copy half a megabyte.
  const script = `(function (exports, require, module, __filename, __dirname) {${text}\n})`;
  if (!/^[\0-\x7f]*$/.test(script)) throw new TypeError(`the bundle of ${name} is not ASCII, as which it is read`);
  const base = `${name}-${createHash('sha256').update(script).digest('hex').slice(0, 16)}`;
  writeFileSync(join(lib, `${base}.js`), script);
  return base;
}

/**
 * Writes LIB/NAME.cjs and the texts of a program that begins as a part of itself: `part.read` says whether a command line that starts with
 * one of its words was for it, and where it was not, the whole program runs.
 */
export function writeCached(lib, { name, text, part, preamble }) {
  writeFileSync(
    join(lib, `${name}.cjs`),
    `${preamble}
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');
function run(base) {
  const path = \`\${__dirname}/\${base}\`;
  let cachedData;
  try {
    cachedData = readFileSync(\`\${path}-\${process.version}-\${process.arch}.cache\`);
  } catch {}
  const script = new Script(readFileSync(\`\${path}.js\`, 'latin1'), { filename: \`\${path}.js\`, cachedData });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, __filename, __dirname);
  return module.exports;
}
const words = process.argv.slice(2);
const isForPart = ${JSON.stringify(part.words)}.some((word) => words.slice(0, 2).join(' ') === word || words[0] === word);
if (!isForPart || !run('${writeText(lib, part.name, part.text)}').read(words)) run('${writeText(lib, name, text)}');
`,
  );
}

/** Runs in the Node that is built for; its arguments are the script, the file for the cache, and those of the program. */
const maker = `
const { openSync, readFileSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname } = require('node:path');
const { Script } = require('node:vm');
const [path, out, ...words] = process.argv.slice(1);
process.argv = [process.argv[0], path, ...words];
const script = new Script(readFileSync(path, 'latin1'), { filename: path });
// A command gives up what it does not need, writing files above all.
const target = openSync(out, 'w');
process.on('exit', () => writeFileSync(target, script.createCachedData()));
const module = { exports: {} };
script.runInThisContext()(module.exports, createRequire(path), module, path, dirname(path));
module.exports.read?.(words);
`;

/**
 * Starts the daemons as built, in directories of their own, and runs each text of the command for what it is used for most: what it compiles
 * for that is kept.
 * @param uses the words for each text, by its name
 */
export async function makeCodeCaches({ lib, bin, uses, flags }) {
  const node = join(lib, 'node');
  const facts = spawnSync(node, ['-p', 'process.version + "-" + process.arch'], { encoding: 'utf8' });
  if (facts.status !== 0) {
    say('no code cache for sesame: its Node does not run on this machine');
    return;
  }
  await withDevice(bin, (env) => {
    for (const [name, words] of Object.entries(uses)) {
      const script = readdirSync(lib).find((file) => new RegExp(`^${name}-[0-9a-f]+\\.js$`).test(file));
      const cache = join(lib, script.replace(/\.js$/, `-${facts.stdout.trim()}.cache`));
      const { status, stderr } = spawnSync(node, [...flags, '-e', maker, join(lib, script), cache, ...words], {
        env,
        encoding: 'utf8',
      });
      if (status !== 0 || !existsSync(cache)) throw new TypeError(`the code cache of ${name} could not be made: ${stderr}`);
      // The command hardens its umask.
      chmodSync(cache, 0o644);
    }
  });
}

async function withDevice(bin, use) {
  const home = mkdtempSync(join(tmpdir(), 'open-sesame-build-'));
  const directories = ['PDS_CONFIG_DIR', 'PDS_STATE_DIR', 'PDS_RUNTIME_DIR'].map((variable) => [variable, join(home, variable)]);
  const env = { PATH: process.env.PATH, ...Object.fromEntries(directories) };
  const daemons = ['daemon-profile', 'daemon-secrets'].map((daemon) => spawn(join(bin, daemon), { env, stdio: 'ignore' }));
  const sesame = (words, input = '') => spawnSync(join(bin, 'sesame'), words, { env, input, encoding: 'utf8' });
  const must = (words, input) => {
    const { status, stderr } = sesame(words, input);
    if (status !== 0) throw new TypeError(`sesame ${words.join(' ')}: ${stderr}`);
  };
  try {
    for (let attempt = 0; attempt < 200 && sesame(['status', '--json']).status !== 0; attempt += 1) await wait(50);
    must(['init', '-p', 'build', '--password-stdin', '--no-recovery-key'], 'password\n');
    must(['unlock', '-p', 'build', '--password-stdin'], 'password\n');
    must(['secret', 'set', '-p', 'build', 'name'], 'value');
    use(env);
  } finally {
    const ended = daemons.map((daemon) => new Promise((resolve) => daemon.once('exit', resolve)));
    for (const daemon of daemons) daemon.kill();
    await Promise.all(ended);
    rmSync(home, { recursive: true, force: true });
  }
}
