// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import type { AuditLog } from '../../audit/log.ts';
import { addDefaultRules, removeDefaultRules } from '../../config/default-rules.ts';
import {
  createInstallation,
  type Installation,
  parseInstallation,
  profileId,
  rootNamespace,
  serialiseInstallation,
} from '../../config/installation.ts';
import { uuidV5 } from '../../core/uuid.ts';
import { readBounded, removeWiped, writeDurably } from '../../linux/files.ts';

/** Longest installation.toml and rules.toml, in bytes. */
const longestFile = 1_048_576;
const fileMode = 0o640;

/** The identity of this installation and the rules that `init` writes: what a device makes for itself on its first boot. */
export class InstallationFiles {
  readonly #path: string;
  readonly #rulesPath: string;
  #installation: Installation | undefined;

  /** @throws SesameError installation-invalid, file-unreadable */
  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, 'installation.toml');
    this.#rulesPath = join(stateDirectory, 'rules.toml');
    const bytes = readBounded(this.#path, longestFile);
    this.#installation = bytes && parseInstallation(this.#path, bytes);
  }

  get id(): string | undefined {
    return this.#installation?.id;
  }

  /** The id of a profile in the audit chain. Before the installation has one of its own, that of the root namespace. */
  profileId(profile: string): string {
    return this.#installation === undefined
      ? uuidV5(rootNamespace, `profile:${profile}`)
      : profileId(this.#installation.namespace, profile);
  }

  /**
   * Makes the identity unless there is one.
   * @returns whether it is new
   * @throws SesameError storage errors
   */
  async create(audit: AuditLog): Promise<{ readonly id: string; readonly created: boolean }> {
    if (this.#installation !== undefined) return { id: this.#installation.id, created: false };
    const installation = createInstallation();
    writeDurably(this.#path, serialiseInstallation(installation), fileMode);
    this.#installation = installation;
    const id = { id: installation.id, org_ns: null, namespace: installation.namespace, machine_binding: null };
    await audit.append({ InstallationCreated: { id, org: null, machine_binding_present: false } }, { durable: true });
    return { id: installation.id, created: true };
  }

  /**
   * Writes the safe rules for a profile: administrators may do everything, everybody else nothing. Rules that are there stay.
   * @returns whether it wrote any
   * @throws SesameError storage errors, file-damaged
   */
  addRules(profile: string): boolean {
    const before = readBounded(this.#rulesPath, longestFile);
    const after = addDefaultRules(this.#rulesPath, before, profile);
    if (after !== undefined) writeDurably(this.#rulesPath, after, fileMode);
    return after !== undefined;
  }

  /**
   * Takes the safe rules of a profile away again; others stay.
   * @throws SesameError storage errors, file-damaged
   */
  discardRules(profile: string): void {
    const before = readBounded(this.#rulesPath, longestFile);
    const after = before && removeDefaultRules(this.#rulesPath, before, profile);
    if (after === undefined) return;
    if (after.length === 0) removeWiped(this.#rulesPath);
    else writeDurably(this.#rulesPath, after, fileMode);
  }
}
