// SPDX-License-Identifier: MIT
// Builds the device of the tests, or what of it has changed since the last time.
import { buildDevice } from './device.ts';

await buildDevice((text) => process.stderr.write(`${text}\n`));
