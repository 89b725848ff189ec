// SPDX-License-Identifier: MIT
import type { CompleteSettings } from './schema.ts';

type Frozen<Value> = Value extends object ? { readonly [Key in keyof Value]: Frozen<Value[Key]> } : Value;

/** The configuration in force: every layer applied, every default filled in, frozen. */
export type Configuration = Frozen<CompleteSettings>;
export type ProfileConfiguration = Configuration['profiles'][string];
export type ClientConfiguration = Configuration['clients'][string];
