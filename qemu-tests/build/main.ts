// SPDX-License-Identifier: MIT
// Builds the device of the tests, or what of it has changed since the last time.
import { chosenDevice } from './device.ts';

await chosenDevice((text) => process.stderr.write(`${text}\n`));
