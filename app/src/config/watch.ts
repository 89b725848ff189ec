// SPDX-License-Identifier: MIT
import { existsSync, type FSWatcher, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Diagnostic } from './diagnostics.ts';
import { fragmentDirectory, rulesFile } from './layers.ts';
import { type LoadedConfiguration, type Reading, readConfiguration } from './load.ts';
import type { Paths } from './paths.ts';

/** An editor writes a file in several steps. */
const settleMs = 200;

export interface WatchOptions {
  changed(loaded: LoadedConfiguration): void;
  /** The files are wrong now; what was in force stays so. */
  refused(diagnostics: readonly Diagnostic[]): void;
  readonly logger: Logger;
  /** What is in force, so that a change since then is not missed; absent: the files are read now. */
  readonly loaded?: Reading;
}

export interface ConfigurationWatcher {
  /** Reads the files now. Nothing is called when they say what they said before. */
  reload(): void;
  close(): void;
}

/** Follows the configuration files. Where the kernel cannot watch, only `reload` reads them again. */
export function watchConfiguration(paths: Paths, options: WatchOptions): ConfigurationWatcher {
  const { changed, refused, logger, loaded } = options;
  let last = loaded && fingerprint(loaded);
  let timer: NodeJS.Timeout | undefined;
  let watchers: FSWatcher[] = [];

  const reload = (): void => {
    close();
    // A directory that was replaced or has appeared needs a watch of its own. Watching comes first: a change meanwhile is noticed.
    watchers = watched(paths).flatMap((place) => watchPlace(place, soon, logger));
    const reading = readConfiguration(paths);
    const now = fingerprint(reading);
    const before = last ?? now;
    last = now;
    if (now === before) return;
    const { configuration } = reading;
    if (configuration === undefined) refused(reading.diagnostics);
    else changed({ ...reading, configuration });
  };
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(reload, settleMs).unref();
  };
  const close = (): void => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
    watchers = [];
  };

  reload();
  return { reload, close };
}

interface WatchedPlace {
  readonly directory: string;
  /** Whether a name in the directory concerns us. */
  readonly concerns: (name: string) => boolean;
  /** Whether it is watched only for what may appear in it: a sandbox may forbid that, and nothing is lost at once. */
  readonly above?: boolean;
}

function watched({ configuration, systemConfiguration, state }: Paths): WatchedPlace[] {
  const directories = systemConfiguration === undefined ? [configuration] : [systemConfiguration, configuration];
  return [
    ...directories.flatMap((directory): WatchedPlace[] => [
      { directory, concerns: (name) => name.endsWith('.toml') || name === fragmentDirectory },
      { directory: join(directory, fragmentDirectory), concerns: (name) => name.endsWith('.toml') },
      appearanceOf(directory),
    ]),
    { directory: state, concerns: (name) => name === rulesFile },
    appearanceOf(state),
  ];
}

/** The nearest directory above that exists, and in it the name by which a missing or replaced directory would come. */
function appearanceOf(directory: string): WatchedPlace {
  let child = directory;
  while (!existsSync(dirname(child))) child = dirname(child);
  return { directory: dirname(child), concerns: (name) => name === basename(child), above: true };
}

function watchPlace({ directory, concerns, above = false }: WatchedPlace, soon: () => void, logger: Logger): FSWatcher[] {
  if (!existsSync(directory)) return [];
  const unwatched = (thrown: unknown): void => {
    const fields = { directory, cause: describe(thrown) };
    if (above) logger.debug('a directory that appears here is not noticed; send SIGHUP', fields);
    else logger.warn('changes of the configuration are not noticed; send SIGHUP', fields);
  };
  try {
    const watcher = watch(directory, { persistent: false }, (_, name) => {
      if (name === null || concerns(name)) soon();
    });
    watcher.on('error', unwatched);
    return [watcher];
  } catch (thrown) {
    unwatched(thrown);
    return [];
  }
}

function fingerprint({ configuration, diagnostics, locks }: Reading): string {
  return JSON.stringify([configuration, diagnostics, locks.map(({ path }) => path)]);
}
