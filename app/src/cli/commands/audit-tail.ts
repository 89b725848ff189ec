// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import { printable } from '../../core/text.ts';
import type { Invocation } from '../invocation.ts';
import { withSession } from '../session.ts';
import { print } from '../streams.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  const entries = invocation.number('lines', { least: 1, most: 200, otherwise: 20 });
  return withSession(async ({ bus }) => {
    const { body } = await bus.request('audit-tail', { entries });
    const format = invocation.flag('json') ? (line: string) => line : describeLine;
    print(body.lines.map((line) => `${format(line)}\n`).join(''));
    return Exit.done;
  });
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
