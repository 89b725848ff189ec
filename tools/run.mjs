// SPDX-License-Identifier: MIT
// The project's commands: `npm run build|dist|check|fix|test|test:long|bench`. Each brings what it needs first.
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  devicePackages,
  installDebianPackages,
  installPackages,
  installPythonTools,
  pinnedNode,
  root,
  run,
  say,
  testPackages,
} from './setup.mjs';
import { runTracks } from './tracks.mjs';

const bin = (name) => join(root, 'node_modules/.bin', name);
const node22 = (...args) => run(pinnedNode(22), args);

function build() {
  node22('tools/build.mjs');
}

function check() {
  say('checking: generated files, types, lint, format');
  node22('tools/generate.mjs', '--check');
  run(bin('tsc'), ['--noEmit']);
  run(bin('biome'), ['ci', '--error-on-warnings']);
}

function fix() {
  node22('tools/generate.mjs');
  run(bin('biome'), ['check', '--write']);
}

function testFiles(directory) {
  if (!existsSync(join(root, directory))) return [];
  return readdirSync(join(root, directory), { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(directory, name))
    .sort();
}

/** Tests that start the programs as built; the others are unit tests. */
const isProduct = (file) => file.startsWith('app/test/product/') || file.startsWith('app/test/cli/scripts/');
const units = () => [...testFiles('app/test').filter((file) => !isProduct(file)), ...testFiles('kernel-fragments/test')];

/** Tests of what image systems install. */
const packaging = () => [...testFiles('tools/test'), ...testFiles('meta-open-sesame/test'), ...testFiles('buildroot-ext/test')];
const device = () => testFiles('qemu-tests/test');

/**
 * What an ordinary run leaves out: measured boot, another look at what this machine's tests show, other init systems from start to update, and
 * the Raspberry Pi. `npm run test:device` and `npm run test:long` take them all.
 */
const extended = (
  'card-boot raspberry-pi lifecycle-busybox lifecycle-runit lifecycle-systemd measured-boot unified-kernel tpm ' +
  'ssh-agent system-calls sandbox other-processes'
).split(' ');
const ordinaryDevice = () => device().filter((file) => !extended.some((name) => file.endsWith(`/${name}.test.ts`)));
const product = () => testFiles('app/test').filter(isProduct);

const minute = 60_000;

/** A test that takes longer than this hangs. */
const limits = { ordinary: 30 * minute, long: 360 * minute };
const longCampaign = { CAMPAIGN: 'long' };

/** Two files at a time: many tests wait more than they compute. A long campaign measures, so it has the processors for itself. */
function tests(major, files, env = {}) {
  const [limit, atOnce] = env === longCampaign ? [limits.long, 1] : [limits.ordinary, 2];
  const options = [
    '--import',
    join(root, 'tools/keep-stripped.mjs'),
    '--test',
    '--test-reporter=spec',
    `--test-timeout=${limit}`,
    `--test-concurrency=${atOnce}`,
  ];
  return { command: pinnedNode(major), args: [...options, ...files], env };
}

/** The device is built before its tests, whose time is limited. */
function deviceTests(files, env) {
  const builds = { command: pinnedNode(22), args: ['qemu-tests/build/main.ts'], env };
  return { title: 'tests of the device', steps: [builds, tests(22, files, env)] };
}

/** Ends this program with a failure when a track fails. */
async function inTracks(...tracks) {
  if (!(await runTracks(tracks))) process.exit(1);
}

const commands = {
  start() {
    installDebianPackages(devicePackages, 'the device');
    node22('qemu-tests/start.ts', ...process.argv.slice(3));
  },
  build,
  dist() {
    node22('tools/dist.mjs', ...process.argv.slice(3));
  },
  check,
  fix,
  async test() {
    installDebianPackages([...testPackages, ...devicePackages], 'the tests');
    installPythonTools();
    build();
    check();
    // The device waits for its own clock most of the time, so it is tested beside the others.
    const others = [tests(22, [...units(), ...packaging(), ...product()]), tests(24, units())];
    await inTracks({ title: 'tests of this machine', steps: others }, deviceTests(ordinaryDevice()));
  },
  async 'test-device'() {
    installDebianPackages([...testPackages, ...devicePackages], 'the device tests');
    const { image } = parseArgs({ args: process.argv.slice(3), options: { image: { type: 'string' } } }).values;
    await inTracks(deviceTests(device(), image === undefined ? {} : { BUILDROOT_OUTPUT: resolve(image) }));
  },
  async 'test-long'() {
    installDebianPackages([...testPackages, ...devicePackages], 'the tests');
    build();
    const others = { title: 'tests of this machine', steps: [tests(22, [...units(), ...product()], longCampaign)] };
    await inTracks(others, deviceTests(device(), longCampaign));
  },
  bench() {
    build();
    node22('app/bench/main.ts', ...process.argv.slice(3));
  },
};

const command = commands[process.argv[2]];
if (command === undefined) {
  process.stderr.write(`usage: node tools/run.mjs ${Object.keys(commands).join('|')}\n`);
  process.exit(2);
}
installPackages();
await command();
