// SPDX-License-Identifier: MIT
import { existsSync, type FSWatcher, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Diagnostic } from './diagnostics.ts';
import { rulesFile } from './layers.ts';
import { type LoadedConfiguration, readConfiguration } from './load.ts';
import type { Paths } from './paths.ts';

/** An editor writes a file in several steps. */
const settleMs = 200;

export interface WatchOptions {
  changed(loaded: LoadedConfiguration): void;
  /** The files are wrong now; what was in force stays so. */
  refused(diagnostics: readonly Diagnostic[]): void;
  readonly logger: Logger;
}

export interface ConfigurationWatcher {
  /** Reads the files now. Nothing is called when they say what they said before. */
  reload(): void;
  close(): void;
}

/** Follows the configuration files. Where the kernel cannot watch, only `reload` reads them again. */
export function watchConfiguration(paths: Paths, { changed, refused, logger }: WatchOptions): ConfigurationWatcher {
  let last = fingerprint(readConfiguration(paths));
  let timer: NodeJS.Timeout | undefined;
  let watchers: FSWatcher[] = [];

  const reload = (): void => {
    clearTimeout(timer);
    const reading = readConfiguration(paths);
    const now = fingerprint(reading);
    if (now === last) return;
    last = now;
    const { configuration } = reading;
    if (configuration === undefined) refused(reading.diagnostics);
    else changed({ ...reading, configuration });
  };
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      // A directory that was replaced or has appeared needs a watch of its own.
      follow();
      reload();
    }, settleMs).unref();
  };
  const follow = (): void => {
    for (const watcher of watchers) watcher.close();
    watchers = watched(paths).flatMap((place) => watchPlace(place, soon, logger));
  };

  follow();
  return {
    reload,
    close() {
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
      watchers = [];
    },
  };
}

interface WatchedPlace {
  readonly directory: string;
  /** Whether a name in the directory concerns us. */
  readonly concerns: (name: string) => boolean;
}

function watched({ configuration, systemConfiguration, state }: Paths): WatchedPlace[] {
  const directories = systemConfiguration === undefined ? [configuration] : [systemConfiguration, configuration];
  const places = directories.flatMap((directory): WatchedPlace[] => [
    { directory, concerns: (name) => name.endsWith('.toml') || name === 'config.d' },
    { directory: join(directory, 'config.d'), concerns: (name) => name.endsWith('.toml') },
    { directory: dirname(directory), concerns: (name) => name === basename(directory) },
  ]);
  return [...places, { directory: state, concerns: (name) => name === rulesFile }];
}

function watchPlace({ directory, concerns }: WatchedPlace, soon: () => void, logger: Logger): FSWatcher[] {
  if (!existsSync(directory)) return [];
  try {
    const watcher = watch(directory, { persistent: false }, (_, name) => {
      if (name === null || concerns(name)) soon();
    });
    watcher.on('error', (error) =>
      logger.warn('changes of the configuration are not noticed any more; send SIGHUP', { directory, cause: describe(error) }),
    );
    return [watcher];
  } catch (thrown) {
    logger.warn('changes of the configuration are not noticed; send SIGHUP', { directory, cause: describe(thrown) });
    return [];
  }
}

function fingerprint({ configuration, diagnostics }: ReturnType<typeof readConfiguration>): string {
  return JSON.stringify([configuration, diagnostics]);
}
