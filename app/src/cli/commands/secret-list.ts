// SPDX-License-Identifier: MIT
import type { ReplyBody } from '../../bus/messages.ts';
import { Exit, type ExitCode } from '../../core/exit.ts';
import { printable } from '../../core/text.ts';
import type { Invocation } from '../invocation.ts';
import { checkProfileNames, profileOf, type Session, withSession } from '../session.ts';
import { print, printJson } from '../streams.ts';
import { timeOf } from '../table.ts';
import { outputIsTerminal } from '../terminal.ts';

type Entry = ReplyBody<'secret-list'>['entries'][number];

const pageLength = 256;

export async function run(invocation: Invocation): Promise<ExitCode> {
  checkProfileNames(invocation);
  return withSession(async (session) => {
    const profile = await profileOf(session, invocation);
    const pages = listPages(session, profile, invocation.value('prefix'));
    if (invocation.flag('json')) {
      const secrets: Entry[] = [];
      for await (const page of pages) secrets.push(...page);
      printJson({ profile, secrets });
      return Exit.done;
    }
    const format = outputIsTerminal() ? withTime : bareName;
    for await (const page of pages) print(page.map(format).join(''));
    return Exit.done;
  });
}

async function* listPages({ bus }: Session, profile: string, prefix: string | undefined): AsyncGenerator<readonly Entry[]> {
  let after: string | undefined;
  do {
    const { body } = await bus.request('secret-list', {
      profile,
      limit: pageLength,
      ...(prefix === undefined ? {} : { prefix }),
      ...(after === undefined ? {} : { after }),
    });
    yield body.entries;
    after = body.next;
  } while (after !== undefined);
}

function withTime({ name, updated_at }: Entry): string {
  return `${timeOf(updated_at)}  ${printable(name)}\n`;
}

function bareName({ name }: Entry): string {
  return `${printable(name)}\n`;
}
