// SPDX-License-Identifier: MIT
import type { Requester } from '../../bus/blocking-client.ts';
import { Exit, type ExitCode } from '../../core/exit.ts';
import { printable } from '../../core/text.ts';
import type { Invocation } from '../invocation.ts';
import { withSession } from '../session.ts';
import { print } from '../streams.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  const entries = invocation.number('lines', { least: 1, most: 1_000_000, otherwise: 20 });
  const format = invocation.flag('json') ? (line: string) => line : describeLine;
  return withSession(async ({ bus }) => {
    for await (const lines of lastEntries(bus, entries)) print(lines.map((line) => `${format(line)}\n`).join(''));
    return Exit.done;
  });
}

/** What fits into one answer. */
const pageLength = 200;

/** The last entries, oldest first, a page after the other. */
async function* lastEntries(bus: Requester, wanted: number): AsyncGenerator<readonly string[]> {
  if (wanted <= pageLength) {
    yield (await bus.request('audit-tail', { entries: wanted })).body.lines;
    return;
  }
  const { body } = await bus.request('profile-status', {});
  const last = body.audit.sequence;
  for (let after = Math.max(0, last - wanted); after < last; ) {
    const { lines } = (await bus.request('audit-tail', { entries: pageLength, after })).body;
    const reached = sequenceOf(lines.at(-1));
    if (reached === undefined || reached <= after) return;
    yield lines;
    after = reached;
  }
}

function sequenceOf(line: string | undefined): number | undefined {
  const entry: unknown = line === undefined ? undefined : JSON.parse(line);
  const sequence: unknown = typeof entry === 'object' && entry !== null ? Reflect.get(entry, 'sequence') : undefined;
  return typeof sequence === 'number' ? sequence : undefined;
}

/** `17  2026-11-24T08:26:17.000Z  SecretOperationAudited  action=get profile=device …` */
function describeLine(line: string): string {
  const entry: unknown = JSON.parse(line);
  if (typeof entry !== 'object' || entry === null) return printable(line);
  const { sequence, timestamp_ms, action } = Object.fromEntries(Object.entries(entry));
  const [[name = '', members] = []] = typeof action === 'object' && action !== null ? Object.entries(action) : [];
  return printable(`${sequence}  ${timeText(timestamp_ms)}  ${name}  ${memberText(members)}`.trimEnd());
}

function timeText(milliseconds: unknown): string {
  const time = new Date(typeof milliseconds === 'number' ? milliseconds : Number.NaN);
  return Number.isNaN(time.getTime()) ? '?' : time.toISOString();
}

function memberText(members: unknown): string {
  if (typeof members !== 'object' || members === null) return '';
  return Object.entries(members)
    .filter(([, value]) => value !== null)
    .map(([name, value]: [string, unknown]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}
