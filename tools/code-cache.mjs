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
 * Writes LIB/NAME.cjs, which runs LIB/NAME-HASH.js with LIB/NAME-HASH-VERSION-ARCHITECTURE.cache if that is there. V8 refuses a cache of
 * another version of itself, of other flags or for a text of another length, and compiles then; the name keeps apart what it does not
 * compare. Nothing ever writes there but the build.
 */
export function writeCached(lib, name, text, preamble) {
  // The wrapper is in the file: put around the text when it is read, it would copy half a megabyte.
  const script = `(function (exports, require, module, __filename, __dirname) {${text}\n})`;
  if (!/^[\0-\x7f]*$/.test(script)) throw new TypeError(`the bundle of ${name} is not ASCII, as which it is read`);
  const base = `${name}-${createHash('sha256').update(script).digest('hex').slice(0, 16)}`;
  writeFileSync(join(lib, `${base}.js`), script);
  writeFileSync(
    join(lib, `${name}.cjs`),
    `${preamble}
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');
const base = \`\${__dirname}/${base}\`;
let cachedData;
try {
  cachedData = readFileSync(\`\${base}-\${process.version}-\${process.arch}.cache\`);
} catch {}
const script = new Script(readFileSync(\`\${base}.js\`, 'latin1'), { filename: \`\${base}.js\`, cachedData });
script.runInThisContext()(exports, require, module, __filename, __dirname);
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
script.runInThisContext()({}, createRequire(path), {}, path, dirname(path));
`;

/** Starts the daemons as built, in directories of their own, and reads a secret with the command: what it compiles for that is kept. */
export async function makeCodeCache({ lib, bin, name, flags }) {
  const node = join(lib, 'node');
  const facts = spawnSync(node, ['-p', 'process.version + "-" + process.arch'], { encoding: 'utf8' });
  if (facts.status !== 0) {
    say(`no code cache for ${name}: its Node does not run on this machine`);
    return;
  }
  const script = readdirSync(lib).find((file) => file.startsWith(`${name}-`) && file.endsWith('.js'));
  const cache = join(lib, script.replace(/\.js$/, `-${facts.stdout.trim()}.cache`));
  await withDevice(bin, (env) => {
    const words = [...flags, '-e', maker, join(lib, script), cache, 'secret', 'get', '-p', 'build', 'name'];
    const { status, stdout, stderr } = spawnSync(node, words, { env, encoding: 'utf8' });
    if (status !== 0 || stdout !== 'value') throw new TypeError(`the code cache of ${name} could not be made: ${stderr}`);
  });
  // The command hardens its umask.
  if (existsSync(cache)) chmodSync(cache, 0o644);
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
