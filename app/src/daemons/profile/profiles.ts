// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import { type ProfileState, readProfileState, serialiseProfileState } from '../../config/profile-state.ts';
import { SesameError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { writeDurably } from '../../linux/files.ts';
import type { Foundation } from '../foundation.ts';

const defaultProfile = ['global', 'default_profile'];

type Settings = Pick<Foundation, 'configuration' | 'isLocked'>;

export interface ListedProfile {
  readonly name: string;
  readonly active: boolean;
  readonly default: boolean;
  readonly configured: boolean;
}

/**
 * Which profiles there are, which are active and which is the default. A profile is known when the configuration names it or
 * when daemon-secrets has a vault of it. Active means: this device wants it; unlocking activates, deactivating locks.
 */
export class Profiles {
  readonly #path: string;
  readonly #settings: Settings;
  readonly #vaults = new Set<string>();
  #state: ProfileState;

  constructor(stateDirectory: string, settings: Settings, logger: Logger) {
    this.#path = join(stateDirectory, 'profiles.json');
    this.#settings = settings;
    this.#state = readProfileState(this.#path, logger);
  }

  list(): ListedProfile[] {
    const configured = Object.keys(this.#settings.configuration().profiles);
    const names = new Set([...configured, ...this.#vaults, ...this.#state.active]);
    const chosen = this.default;
    return [...names].sort().map((name) => ({
      name,
      active: this.isActive(name),
      default: name === chosen,
      configured: configured.includes(name),
    }));
  }

  /** The one that commands use without `-p`. */
  get default(): string {
    const configured = this.#settings.configuration().global.default_profile;
    return this.#isDefaultLocked() ? configured : (this.#state.default ?? configured);
  }

  isActive(name: string): boolean {
    return this.#state.active.includes(name);
  }

  /** daemon-secrets has a vault of this profile. */
  hasVault(name: string): void {
    this.#vaults.add(name);
  }

  /** Whether daemon-secrets has said that there is a vault of this profile. */
  isVault(name: string): boolean {
    return this.#vaults.has(name);
  }

  /** @throws SesameError profile-not-found */
  requireKnown(name: string): void {
    if (!this.list().some((profile) => profile.name === name)) throw SesameError.of('profile-not-found', { profile: name });
  }

  /** @throws SesameError storage errors; then nothing was changed */
  setActive(name: string, active: boolean): void {
    const others = this.#state.active.filter((other) => other !== name);
    this.#save({ ...this.#state, active: active ? [...others, name].sort() : others });
  }

  /** @throws SesameError setting-locked, storage errors; then nothing was changed */
  setDefault(name: string): void {
    if (this.#isDefaultLocked())
      throw SesameError.of('setting-locked', { key: defaultProfile.join('.'), value: JSON.stringify(this.default) });
    this.#save({ ...this.#state, default: name });
  }

  #isDefaultLocked(): boolean {
    return this.#settings.isLocked(defaultProfile);
  }

  #save(state: ProfileState): void {
    writeDurably(this.#path, serialiseProfileState(state), 0o640);
    this.#state = state;
  }
}
