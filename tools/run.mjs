// SPDX-License-Identifier: MIT
// The project's commands: `npm run build|dist|check|fix|test|test:long|bench`. Each brings what it needs first.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
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
const packaging = () => [...testFiles('tools/test'), ...testFiles('meta-open-sesame/test')];
const device = () => testFiles('qemu-tests/test');
const product = () => testFiles('app/test').filter(isProduct);

/** One file at a time: several tests measure, and most start processes of their own. */
function tests(major, files, environment = {}) {
  if (files.length === 0) return;
  say(`${files.length} test files on Node ${major}`);
  const options = ['--test', '--test-reporter=spec', '--test-timeout=600000', '--test-concurrency=1'];
  run(pinnedNode(major), [...options, ...files], { env: { ...process.env, ...environment } });
}

const commands = {
  start() {
    installDebianPackages(devicePackages, 'the device');
    node22('qemu-tests/start.ts');
  },
  build,
  dist() {
    node22('tools/dist.mjs', ...process.argv.slice(3));
  },
  check,
  fix,
  test() {
    installDebianPackages(testPackages, 'the tests');
    installPythonTools();
    build();
    check();
    tests(22, [...units(), ...packaging(), ...product()]);
    tests(24, units());
  },
  'test-device'() {
    installDebianPackages([...testPackages, ...devicePackages], 'the device tests');
    tests(22, device());
  },
  'test-long'() {
    installDebianPackages([...testPackages, ...devicePackages], 'the tests');
    build();
    tests(22, [...units(), ...product()], { CAMPAIGN: 'long' });
    tests(22, device(), { CAMPAIGN: 'long' });
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
command();
