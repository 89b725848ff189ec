// SPDX-License-Identifier: MIT
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Incoming, Outgoing } from '../../bus/handler.ts';
import type { SecretBytes, SecretMemory } from '../../memory/secret-bytes.ts';
import type { AuditedOperation } from './auditor.ts';
import type { SecretHandlersOptions } from './secret-handlers.ts';
import { unlockedVault } from './unlocked-vault.ts';

type Place = NonNullable<Incoming<'secret-environment'>['body']['after']>;
type Entry = Outgoing<'secret-environment'>['body']['entries'][number];

/** Values and names of one answer together, in bytes: below the limit of a frame, above the longest single value. */
const pageBytes = 98_304;
const mostEntries = 512;

/** Room for an entry's members in CBOR beside its names. */
const entryOverhead = 64;

/** Names read at once. */
const namesAtOnce = 256;

/** The values of one answer, one after the other in secret memory, so that many small ones do not take a page each. */
class Page {
  readonly entries: Entry[] = [];
  readonly #memory: SecretMemory;
  readonly #values: SecretBytes;
  #length = 0;
  #cost = 0;

  constructor(memory: SecretMemory) {
    this.#memory = memory;
    this.#values = memory.allocate(pageBytes);
  }

  /** @returns false when there is no room left */
  add(profile: string, name: string, value: SecretBytes): boolean {
    const cost = value.length + Buffer.byteLength(name) + profile.length + entryOverhead;
    if (this.#cost + cost > pageBytes || this.entries.length === mostEntries) return false;
    this.#values.bytes.set(value.bytes, this.#length);
    this.#length += value.length;
    this.#cost += cost;
    this.entries.push({ profile, name, length: value.length });
    return true;
  }

  /** The last entry that found room. */
  get end(): Place | undefined {
    const last = this.entries.at(-1);
    return last && { profile: last.profile, name: last.name };
  }

  attachment(): SecretBytes | undefined {
    if (this.#length === 0) return undefined;
    const exact = this.#memory.allocate(this.#length);
    exact.bytes.set(this.#values.bytes.subarray(0, this.#length));
    return exact;
  }

  release(): void {
    this.#values.release();
  }
}

/** All values that the rules allow a client, as many as fit into one answer, and where to go on. */
export async function environmentPage(
  options: SecretHandlersOptions,
  { body, sender }: Incoming<'secret-environment'>,
): Promise<Outgoing<'secret-environment'>> {
  const { profiles, after } = body;
  const first = after === undefined ? 0 : Math.max(0, profiles.indexOf(after.profile));
  const page = new Page(options.memory);
  try {
    let next: Place | undefined;
    for (const profile of profiles.slice(first)) {
      const from = profile === after?.profile ? after.name : undefined;
      next = await collect(options, { action: 'environment', profile, key: null, sender }, from, page);
      if (next !== undefined) break;
    }
    const attachment = page.attachment();
    const { entries } = page;
    return { body: next === undefined ? { entries } : { entries, next }, ...(attachment && { attachment }) };
  } finally {
    page.release();
  }
}

/** Collects the values of one profile, which are one entry in the audit chain. @returns where it ended, when not all found room */
async function collect(
  options: SecretHandlersOptions,
  listing: AuditedOperation,
  from: string | undefined,
  page: Page,
): Promise<Place | undefined> {
  options.access.require(listing);
  const before = page.entries.length;
  try {
    return await fill(options, listing, from, page);
  } finally {
    const read = page.entries.length - before;
    if (read > 0) options.read(listing, read);
  }
}

async function fill(
  options: SecretHandlersOptions,
  listing: AuditedOperation,
  from: string | undefined,
  page: Page,
): Promise<Place | undefined> {
  const { profile } = listing;
  let after = from;
  for (;;) {
    const vault = await unlockedVault(options, listing);
    const names = vault.list({ limit: namesAtOnce, ...(after === undefined ? {} : { after }) });
    for (const { name } of names.entries) {
      if (!options.access.allows({ ...listing, key: name })) continue;
      const value = vault.get(name);
      try {
        if (!page.add(profile, name, value)) return page.end;
      } finally {
        value.release();
      }
    }
    if (names.next === undefined) return undefined;
    after = names.next;
    await nextTurn(); // a client that may see few names of many does not keep the others waiting
  }
}
