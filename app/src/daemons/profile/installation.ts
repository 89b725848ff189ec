// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import type { AuditLog } from '../../audit/log.ts';
import type { Configuration } from '../../config/configuration.ts';
import { addDefaultRules, removeDefaultRules } from '../../config/default-rules.ts';
import {
  createInstallation,
  type Installation,
  type MachineBinding,
  parseInstallation,
  profileId,
  rootNamespace,
  serialiseInstallation,
  withMachineBinding,
} from '../../config/installation.ts';
import { assert, SesameError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { uuidV5 } from '../../core/uuid.ts';
import { readBounded, removeWiped, writeDurably } from '../../linux/files.ts';
import { machineIdBinding, machineIdType, tpmBoundType } from './machine-binding.ts';

/** Longest installation.toml and rules.toml, in bytes. */
const longestFile = 1_048_576;
const fileMode = 0o640;

/** Whether this is the machine that the installation is bound to; `unverified` until there was something to verify it with. */
export type BindingState = 'matches' | 'differs' | 'unverified';

/** The identity of this installation and the rules that `init` writes: what a device makes for itself on its first boot. */
export class InstallationFiles {
  readonly #path: string;
  readonly #rulesPath: string;
  #installation: Installation | undefined;

  #bindingState: BindingState = 'unverified';
  readonly #wanted: () => Configuration['global']['machine_binding'];
  readonly #logger: Logger;

  /**
   * @param wanted what a new installation is bound to
   * @throws SesameError installation-invalid, file-unreadable
   */
  constructor(stateDirectory: string, wanted: () => Configuration['global']['machine_binding'], logger: Logger) {
    this.#wanted = wanted;
    this.#logger = logger;
    this.#path = join(stateDirectory, 'installation.toml');
    this.#rulesPath = join(stateDirectory, 'rules.toml');
    const bytes = readBounded(this.#path, longestFile);
    this.#installation = bytes && parseInstallation(this.#path, bytes);
    this.#verifyMachineId();
  }

  /** What the installation is bound to, and whether this is the machine; undefined when it is bound to none. */
  get binding(): { readonly type: string; readonly state: BindingState } | undefined {
    const binding = this.#installation?.machine_binding;
    return binding && { type: binding.binding_type, state: this.#bindingState };
  }

  /**
   * Binds the installation to a key of this machine's TPM if it is to be bound and is not yet, or verifies that it is bound to it. The
   * key of one profile stands for the machine; those of others say nothing.
   * @param renewed whether the key is new, and takes the place of the one before
   * @throws SesameError storage errors
   */
  presentTpmKey(profile: string, hash: string, renewed: boolean): void {
    const installation = this.#installation;
    if (installation === undefined) return;
    const { machine_binding: binding } = installation;
    if (binding === undefined) {
      if (this.#wanted() !== tpmBoundType) return;
    } else if (binding.binding_type !== tpmBoundType || (binding.profile ?? profile) !== profile) return;
    else if (binding.binding_hash.toLowerCase() === hash) {
      this.#bindingState = 'matches';
      return;
    } else if (!renewed) {
      this.#differs();
      return;
    }
    this.#bind({ binding_hash: hash, binding_type: tpmBoundType, profile });
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
    const made = createInstallation();
    const binding = this.#wanted() === machineIdType ? machineIdBinding(made) : undefined;
    const installation = binding === undefined ? made : withMachineBinding(made, binding);
    writeDurably(this.#path, serialiseInstallation(installation), fileMode);
    this.#installation = installation;
    this.#verifyMachineId();
    const id = {
      id: installation.id,
      org_ns: null,
      namespace: installation.namespace,
      machine_binding:
        binding === undefined
          ? null
          : { binding_hash: [...Buffer.from(binding.binding_hash, 'hex')], binding_type: machineIdType },
    } as const;
    const present = binding !== undefined;
    await audit.append({ InstallationCreated: { id, org: null, machine_binding_present: present } }, { durable: true });
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

  #bind(binding: MachineBinding): void {
    assert(this.#installation !== undefined, 'an installation that can be bound');
    const bound = withMachineBinding(this.#installation, binding);
    writeDurably(this.#path, serialiseInstallation(bound), fileMode);
    this.#installation = bound;
    this.#bindingState = 'matches';
  }

  /** Can be done at any time; what the TPM sealed comes with the first unlock. */
  #verifyMachineId(): void {
    const installation = this.#installation;
    if (installation?.machine_binding?.binding_type !== machineIdType) return;
    const here = machineIdBinding(installation);
    if (here?.binding_hash === installation.machine_binding.binding_hash.toLowerCase()) this.#bindingState = 'matches';
    else this.#differs();
  }

  /** It is said and not enforced: the factors decide who opens a vault. */
  #differs(): void {
    this.#bindingState = 'differs';
    const type = this.#installation?.machine_binding?.binding_type ?? '';
    this.#logger.error(SesameError.of('machine-binding-differs', { path: this.#path, type }).message);
  }
}
