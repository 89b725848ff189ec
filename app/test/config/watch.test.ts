// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { readConfiguration } from '../../src/config/load.ts';
import type { Paths } from '../../src/config/paths.ts';
import { type ConfigurationWatcher, watchConfiguration } from '../../src/config/watch.ts';
import { RecordingLogger } from '../../src/core/log.ts';
import { brief, type Files, Workplace } from './support.ts';

const workplace = new Workplace();
const open: ConfigurationWatcher[] = [];

/** Longer than the watcher waits for a file to settle. */
const settledMs = 450;

interface Watched {
  readonly paths: Paths;
  readonly watcher: ConfigurationWatcher;
  /** `capacity N` for a configuration that came into force, or what was refused. */
  readonly events: string[];
  readonly logger: RecordingLogger;
}

function watch(paths: Paths, loaded?: ReturnType<typeof readConfiguration>): Watched {
  const events: string[] = [];
  const logger = new RecordingLogger();
  const watcher = watchConfiguration(paths, {
    changed: ({ configuration }) => events.push(`capacity ${configuration.global.ipc.channel_capacity}`),
    refused: (diagnostics) => events.push(diagnostics.map(brief).join()),
    logger,
    ...(loaded && { loaded }),
  });
  open.push(watcher);
  return { paths, watcher, events, logger };
}

function watchFiles(files: Files): Watched {
  return watch(workplace.write(files));
}

const capacity = (value: number): string => `[global.ipc]\nchannel_capacity = ${value}\n`;

/** Waits until there are so many events, or fails after five seconds. */
async function until(events: readonly string[], count: number): Promise<void> {
  for (const end = performance.now() + 5000; events.length < count; await wait(10)) {
    assert.ok(performance.now() < end, `only ${events.length} of ${count} events: ${events.join(' | ')}`);
  }
}

describe('a watched configuration', () => {
  afterEach(() => {
    for (const watcher of open.splice(0)) watcher.close();
  });

  it('comes into force when its file is written', async () => {
    const { paths, events } = watchFiles({ 'etc/config.toml': capacity(20) });
    writeFileSync(join(paths.configuration, 'config.toml'), capacity(30));
    await until(events, 1);
    assert.deepEqual(events, ['capacity 30']);
  });

  it('comes into force when a lock appears that changes nothing else', async () => {
    const { paths, events } = watchFiles({ 'etc/config.toml': capacity(20) });
    const lock = '[[policy]]\nkey = "global.ipc.channel_capacity"\nvalue = 20\n';
    writeFileSync(join(paths.configuration, 'policy.toml'), lock);
    await until(events, 1);
    assert.deepEqual(events, ['capacity 20']);
  });

  it('comes into force when its file is replaced by a rename, again and again', async () => {
    const { paths, events } = watchFiles({ 'etc/config.toml': capacity(20) });
    for (const [index, value] of [30, 40, 50].entries()) {
      writeFileSync(join(paths.configuration, 'new'), capacity(value));
      renameSync(join(paths.configuration, 'new'), join(paths.configuration, 'config.toml'));
      await until(events, index + 1);
    }
    assert.deepEqual(events, ['capacity 30', 'capacity 40', 'capacity 50']);
  });

  it('comes into force when a file appears in a directory that appears', async () => {
    const { paths, events } = watchFiles({});
    mkdirSync(join(paths.configuration, 'config.d'));
    writeFileSync(join(paths.configuration, 'config.d', 'a.toml'), capacity(30));
    await until(events, 1);
    writeFileSync(join(paths.configuration, 'config.d', 'a.toml'), capacity(40));
    await until(events, 2);
    assert.deepEqual(events, ['capacity 30', 'capacity 40']);
  });

  it('comes into force when its directory and those above it appear', async () => {
    const paths = workplace.write({});
    const { events } = watch({ ...paths, configuration: join(paths.configuration, 'a/b/c') });
    mkdirSync(join(paths.configuration, 'a/b/c'), { recursive: true });
    writeFileSync(join(paths.configuration, 'a/b/c/config.toml'), capacity(30));
    await until(events, 1);
    writeFileSync(join(paths.configuration, 'a/b/c/config.toml'), capacity(40));
    await until(events, 2);
    assert.deepEqual(events, ['capacity 30', 'capacity 40']);
  });

  it('comes into force when its directory is a link that is turned elsewhere', async () => {
    const { configuration, ...paths } = workplace.write({
      'etc/one/config.toml': capacity(20),
      'etc/two/config.toml': capacity(30),
    });
    symlinkSync('one', join(configuration, 'current'));
    const { events } = watch({ ...paths, configuration: join(configuration, 'current') });
    symlinkSync('two', join(configuration, 'next'));
    renameSync(join(configuration, 'next'), join(configuration, 'current'));
    await until(events, 1);
    assert.deepEqual(events, ['capacity 30']);
  });

  it('follows the rules of the device, in a state directory that appears', async () => {
    const { state, ...paths } = workplace.write({});
    rmSync(state, { recursive: true });
    const { events } = watch({ ...paths, state });
    mkdirSync(state);
    writeFileSync(join(state, 'rules.toml'), '[profiles.p.secrets.access]\n"*" = []\n');
    await until(events, 1);
    assert.deepEqual(events, ['capacity 128']);
  });

  it('follows locks', async () => {
    const { paths, events } = watchFiles({});
    writeFileSync(join(paths.configuration, 'policy.toml'), '[[policy]]\nkey = "global.ipc.channel_capacity"\nvalue = 30\n');
    await until(events, 1);
    assert.deepEqual(events, ['capacity 30']);
  });

  it('stays as it was when its files become wrong, and says so once', async () => {
    const { paths, events, watcher } = watchFiles({ 'etc/config.toml': capacity(20) });
    writeFileSync(join(paths.configuration, 'config.toml'), '[global.ipc]\nchannel_capcity = 30\n');
    await until(events, 1);
    watcher.reload();
    assert.deepEqual(events, ['2:1 error [global.ipc] has no setting channel_capcity; did you mean channel_capacity?']);
  });

  it('is in force again without a complaint when its files are corrected', async () => {
    const { paths, events } = watchFiles({ 'etc/config.toml': capacity(20) });
    writeFileSync(join(paths.configuration, 'config.toml'), '[');
    await until(events, 1);
    writeFileSync(join(paths.configuration, 'config.toml'), capacity(20));
    await until(events, 2);
    assert.equal(events[1], 'capacity 20');
  });

  it('is said once when a file is written in many steps', async () => {
    const { paths, events } = watchFiles({});
    for (let value = 20; value < 40; value += 1) {
      writeFileSync(join(paths.configuration, 'config.toml'), capacity(value));
      await wait(5);
    }
    await until(events, 1);
    await wait(settledMs);
    assert.deepEqual(events, ['capacity 39']);
  });

  it('is not said when its files say the same as before', async () => {
    const { paths, events, watcher } = watchFiles({ 'etc/config.toml': capacity(20) });
    writeFileSync(join(paths.configuration, 'config.toml'), `${capacity(20)}# a comment\n`);
    writeFileSync(join(paths.state, 'audit.jsonl'), 'x');
    await wait(settledMs);
    watcher.reload();
    assert.deepEqual(events, []);
  });

  it('is read at once when it is asked to', () => {
    const { paths, events, watcher } = watchFiles({});
    writeFileSync(join(paths.configuration, 'config.toml'), capacity(30));
    watcher.reload();
    assert.deepEqual(events, ['capacity 30']);
  });

  it('has missed nothing since it was loaded', () => {
    const paths = workplace.write({ 'etc/config.toml': capacity(20) });
    const loaded = readConfiguration(paths);
    writeFileSync(join(paths.configuration, 'config.toml'), capacity(30));
    assert.deepEqual(watch(paths, loaded).events, ['capacity 30']);
  });

  it('is not followed after the watcher is closed', async () => {
    const { paths, events, watcher } = watchFiles({});
    writeFileSync(join(paths.configuration, 'config.toml'), capacity(30));
    watcher.close();
    await wait(settledMs);
    assert.deepEqual(events, []);
  });
});
