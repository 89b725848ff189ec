// SPDX-License-Identifier: MIT
import { loadConfiguration } from '../config/load.ts';
import type { Paths } from '../config/paths.ts';
import { SesameError } from '../core/errors.ts';
import { defaultNoiseSuite, type NoiseSuite } from '../crypto/suite.ts';

/** What the configuration says about the bus, or undefined when that is what was tried already. */
export function configuredEndpoint(paths: Paths): { socketPath?: string; suite: NoiseSuite } | undefined {
  const settings = readSettings(paths);
  if (settings === undefined) return undefined;
  const { suite, socketPath } = settings;
  const usual = suite.cipher === defaultNoiseSuite.cipher && suite.hash === defaultNoiseSuite.hash && socketPath === undefined;
  return usual ? undefined : { suite, ...(socketPath === undefined ? {} : { socketPath }) };
}

function readSettings(paths: Paths): { socketPath: string | undefined; suite: NoiseSuite } | undefined {
  try {
    const { configuration } = loadConfiguration(paths);
    const { noise_cipher: cipher, noise_hash: hash } = configuration.crypto;
    return { suite: { cipher, hash }, socketPath: configuration.global.ipc.socket_path };
  } catch (thrown) {
    // A configuration that cannot be read is not why the daemon is out of reach: the caller's own error says more.
    if (thrown instanceof SesameError) return undefined;
    throw thrown;
  }
}
