// SPDX-License-Identifier: MIT
// Bundles the daemons and the command to one file each under dist/lib, with the native modules and Node beside them, and
// writes dist/bin/NAME, which run from the checkout, and the manual pages and completions under dist/share. With --architecture arm64,
// --libc musl and --out DIR it does the same for a device; --programs DIR adds each NAME.ts there. With --release there is neither Node
// nor what only one Node can read, and inputs.json names the files that each bundle was made of.
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { readingCommands } from '../app/src/cli/definitions/reading.ts';
import { inheritedVariables } from '../app/src/daemons/sandbox/environment.ts';
import { makeCodeCaches, writeCached } from './code-cache.mjs';
import { installTargetPackages, root, run, say } from './setup.mjs';

const { values: options } = parseArgs({
  options: {
    architecture: { type: 'string', default: process.arch },
    libc: { type: 'string', default: 'gnu' },
    out: { type: 'string', default: 'dist' },
    programs: { type: 'string' },
    release: { type: 'boolean', default: false },
  },
});
const target = { architecture: options.architecture, libc: options.libc };
const packages = installTargetPackages(target);
const require = createRequire(import.meta.url);
const requireOfTarget = createRequire(join(packages, 'package.json'));
const out = resolve(root, options.out);
const lib = join(out, 'lib');
const bin = join(out, 'bin');

/** V8's heap is held small: a daemon has 32 MB and 64 MB. Figures in ARCHITECTURE.md. */
const daemonFlags = '--max-old-space-size=12 --max-semi-space-size=1 --optimize-for-size --v8-pool-size=0';

/** A command ends before V8 has anything for its worker threads. */
const commandFlags = '--v8-pool-size=1';

/** SIGUSR1 would open the inspector on a port of this machine, where every user may read the memory and run code. */
const everywhere = '--disable-sigusr1 --disable-proto=delete';
const programs = [
  { name: 'daemon-profile', entry: 'app/src/daemons/profile/main.ts', flags: daemonFlags },
  { name: 'daemon-secrets', entry: 'app/src/daemons/secrets/main.ts', flags: daemonFlags },
  { name: 'sesame', entry: 'app/src/cli/main.ts', flags: commandFlags },
];

/** The commands of `sesame` that programs call when they start, without what the others need: V8 keeps a record of each function beside them. */
const reading = { name: 'sesame-reading', entry: 'app/src/cli/reading.ts' };
/** What reads the configuration for them, which only a device with a bus of its own asks for. */
const endpoint = { name: 'sesame-endpoint', entry: 'app/src/cli/endpoint.ts' };
const commonUses = { [reading.name]: ['secret', 'get', '-p', 'build', 'name'], sesame: ['status'] };

/**
 * Stage 0 of both daemons: it gives up what a daemon does not need and becomes it, in the same Node and with the flags of the daemon, which it
 * does without itself: Node's own compiled code does not fit them, and compiling it anew takes longer than all that stage 0 does.
 */
const sandbox = { name: 'sandbox', entry: 'app/src/daemons/sandbox/main.ts' };

// Before anything else, because a native module crashes an older Node where a sentence would do.
const versionCheck = `{
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 15)) {
    process.stderr.write('sesame: this needs Node 22.15 or newer and runs on ' + process.versions.node + '; install a newer one\\n');
    process.exit(1);
  }
}`;

if (options.programs !== undefined) {
  for (const file of readdirSync(options.programs).filter((name) => name.endsWith('.ts'))) {
    const added = { name: file.slice(0, -'.ts'.length), entry: join(options.programs, file) };
    const replaced = programs.find(({ name }) => name === added.name);
    if (replaced === undefined) programs.push({ ...added, flags: '' });
    else Object.assign(replaced, added);
  }
}

/** Takes the one native module of the target out of each package that carries or looks for many. */
const nativeModules = {
  name: 'native-modules',
  setup({ onResolve, onLoad }) {
    const { architecture, libc } = target;
    const sqlitePlatform = libc === 'musl' ? 'linuxmusl' : 'linux';
    onResolve({ filter: /^better-sqlite3-multiple-ciphers$/ }, () => ({
      path: require.resolve(`better-sqlite3-multiple-ciphers/${sqlitePlatform}-${architecture}`),
    }));
    onResolve({ filter: /^@node-rs\/argon2$/ }, () => ({
      path: requireOfTarget.resolve(`@node-rs/argon2-linux-${architecture}-${libc}`),
      namespace: 'native',
    }));
    onResolve({ filter: /^@yuuang\/ffi-rs-/ }, ({ path }) =>
      path === `@yuuang/ffi-rs-linux-${architecture}-${libc}`
        ? { path: requireOfTarget.resolve(path), namespace: 'native' }
        : { path, external: true },
    );
    onResolve({ filter: /\.node$/ }, ({ path, resolveDir, importer, namespace }) =>
      namespace === 'native' || importer.includes('ffi-rs')
        ? { path, external: true }
        : { path: join(resolveDir, path), namespace: 'native' },
    );
    // The package looks for its native module at run time, for each platform under two names; here it is known.
    onLoad({ filter: /ffi-rs\/index\.js$/ }, ({ path }) => {
      const search = /let nativeBinding = null\n[\s\S]*?(?=^if \(!nativeBinding\))/m;
      const text = readFileSync(path, 'utf8');
      if (!search.test(text)) throw new TypeError(`${path} looks for its native module in a way that is not known here`);
      const found = `const nativeBinding = require('@yuuang/ffi-rs-linux-${architecture}-${libc}');\nconst loadError = undefined;\n`;
      return { contents: text.replace(search, found), loader: 'js' };
    });
    onLoad({ filter: /.*/, namespace: 'native' }, ({ path }) => {
      const name = path.split('node_modules/').at(-1).replaceAll('/', '-').replace(/^@/, '');
      copyFileSync(path, join(lib, 'native', name));
      // require would look for a package.json and resolve links first.
      return { contents: `process.dlopen(module, \`\${__dirname}/native/${name}\`);`, loader: 'js' };
    });
  },
};

/** What the parent of a program may have set for a Node of its own, and must not reach ours. */
const nodeVariables = [
  'NODE_OPTIONS',
  'NODE_PATH',
  'NODE_EXTRA_CA_CERTS',
  'NODE_DEBUG',
  'NODE_V8_COVERAGE',
  'NODE_COMPILE_CACHE',
  'NODE_REPL_EXTERNAL_MODULE',
];

/**
 * One arena and one worker thread, because memory is short. Freed memory is overwritten: Node's ciphers copy a plaintext once more
 * than they hand out and free that copy as it is (mallopt(3), M_PERTURB; without the per-thread cache, which would keep it whole).
 * `sesame` ends before any of this matters, and its children would inherit it.
 */
const tunables = 'glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0:glibc.malloc.perturb=90';
const daemonEnvironment = `GLIBC_TUNABLES=${tunables} UV_THREADPOOL_SIZE=1`;

/** The starter's environment ends here: only what a daemon knows goes on, and only where it is set. */
const daemonStart = ['env -i', ...inheritedVariables.map((name) => `\${${name}+"${name}=$${name}"}`), daemonEnvironment].join(
  ' \\\n  ',
);

/** `sesame env` gives its program the caller's own values back, and what Node changes before anything of ours runs. */
const commandEnvironment = `${nodeVariables
  .map((name) => `[ -n "\${${name}+x}" ] && export SESAME_CALLER_${name}="$${name}" && unset ${name}`)
  .join('\n')}
case " $* " in *' env '*)
  export SESAME_ENTRY_OPEN_FILES=$(ulimit -Sn)
  while read -r name value; do
    [ "$name" = SigIgn: ] && export SESAME_ENTRY_IGNORED_SIGNALS="$value" && break
  done </proc/self/status
esac`;

// A symbolic link is followed with readlink only when there is one: a process more would cost as much as the shell itself.
const self = `self=$0
[ -L "$self" ] && self=$(readlink -f "$self")
here=\${self%/*}`;

const commandLauncher = ({ name, flags }) => `#!/bin/sh
${commandEnvironment}
${self}
exec "$here/../lib/node" ${everywhere} ${flags} "$here/../lib/${name}.cjs" "$@"
`;

const daemonLauncher = ({ name, flags }) => `#!/bin/sh
unset LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT
${self}
exec ${daemonStart} \\
  "$here/../lib/node" ${everywhere} "$here/../lib/${sandbox.name}.cjs" ${name} ${flags}
`;

const isDaemon = ({ flags }) => flags === daemonFlags;

rmSync(out, { recursive: true, force: true });
mkdirSync(join(lib, 'native'), { recursive: true });
mkdirSync(bin, { recursive: true });
if (!options.release) symlinkSync(join(packages, `node_modules/node-22-${target.architecture}/bin/node`), join(lib, 'node'));

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
/** A module that is loaded when it is needed and shares nothing with what loads it, not even classes, can be a file of its own. */
const fileApart = ({ name, entry }) => ({
  name: `${name}-apart`,
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\.ts$/ }, ({ path, resolveDir }) =>
      join(resolveDir, path) === join(root, entry) ? { path: `./${name}.cjs`, namespace: 'apart' } : undefined,
    );
    onResolve({ filter: /.*/, namespace: 'apart' }, ({ path }) => ({ path, external: true }));
    onLoad({ filter: /.*/, namespace: 'apart' }, ({ path }) => ({
      contents: `module.exports = require('${path}');`,
      loader: 'js',
    }));
  },
});

const inputs = {};
async function bundle({ name, entry }, { apart = [] } = {}) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: join(lib, `${name}.cjs`),
    write: false,
    bundle: true,
    platform: 'node',
    // As CommonJS a program loads a module when it runs into it; ES modules would load everything that any command imports.
    format: 'cjs',
    target: 'node22',
    minify: true,
    legalComments: 'none',
    define: { __VERSION__: JSON.stringify(version), 'import.meta.dirname': '__dirname' },
    plugins: [nativeModules, ...apart.map(fileApart)],
    logLevel: 'warning',
    metafile: true,
  });
  const [{ inputs: parts }] = Object.values(metafile.outputs);
  inputs[name] = Object.keys(parts).filter((path) => parts[path].bytesInOutput > 0);
  return outputFiles[0].text;
}

for (const program of [...programs, sandbox, endpoint]) {
  const text = await bundle(program);
  if (program.name !== 'sesame') {
    writeFileSync(join(lib, `${program.name}.cjs`), `${versionCheck}\n${text}`);
    continue;
  }
  const part = {
    name: reading.name,
    text: await bundle(reading, { apart: [endpoint] }),
    words: readingCommands.map(({ name }) => name),
  };
  writeCached(lib, { name: program.name, text, part, preamble: versionCheck });
}
for (const program of programs) {
  writeFileSync(join(bin, program.name), isDaemon(program) ? daemonLauncher(program) : commandLauncher(program));
  chmodSync(join(bin, program.name), 0o755);
}
run(process.execPath, [join(root, 'tools/generate-docs.mjs'), '--out', join(out, 'share')], {
  stdio: ['ignore', 'ignore', 'inherit'],
});
if (options.release) writeFileSync(join(out, 'inputs.json'), JSON.stringify(inputs));
else await makeCodeCaches({ lib, bin, uses: commonUses, flags: everywhere.split(' ') });
say(`built ${programs.map(({ name }) => join(options.out, 'bin', name)).join(', ')}`);
