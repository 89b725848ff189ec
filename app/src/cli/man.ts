// SPDX-License-Identifier: MIT
import type { CommandDefinition } from './definition.ts';
import { allOptions, exitsOf, optionForm, optionText, usageOf } from './help.ts';
import { version } from './version.ts';

/** A manual page in man(7) macros, and the name of its file. */
export interface ManualPage {
  readonly file: string;
  readonly text: string;
}

const suite = 'Open Sesame for devices';

/** `sesame.1` and a page for each first word: `sesame-secret.1` covers the commands of the group. */
export function commandPages(commands: readonly CommandDefinition[]): ManualPage[] {
  const groups = Map.groupBy(commands, ({ name }) => name.replace(/ .*/, ''));
  return [overviewPage(commands, [...groups.keys()]), ...[...groups].map(([group, members]) => groupPage(group, members))];
}

function overviewPage(commands: readonly CommandDefinition[], groups: readonly string[]): ManualPage {
  const seeAlso = [...groups.map((group) => `sesame-${group}(1)`), 'pds-config(5)', 'daemon-profile(8)', 'daemon-secrets(8)'];
  const parts = [
    heading('SESAME', 1),
    section('NAME', paragraph('sesame - secrets for devices')),
    section('SYNOPSIS', '.B sesame\n.I COMMAND\n.RI [ OPTION " ...] [" ARGUMENT " ...]"'),
    section(
      'DESCRIPTION',
      paragraph(
        'sesame talks to daemon-profile and daemon-secrets over a Unix socket. Values come from standard input or from a prompt on the terminal, ' +
          'never from the command line. Results go to standard output, everything else to standard error, after "sesame:".',
      ),
    ),
    section('COMMANDS', definitions(commands.map(({ name, summary }) => [name, summary]))),
    section(
      'OPTIONS',
      definitions([
        ['-p, --profile PROFILE', 'The profile; may stand before or after the command.'],
        ['--json', 'Print JSON where a person would read a table.'],
        ['-h, --help', 'Show help, of a command when there is one.'],
        ['-V, --version', 'Show the version.'],
      ]),
    ),
    section('EXIT STATUS', definitions(allExits(commands))),
    section(
      'ENVIRONMENT',
      definitions([
        ['PDS_CONFIG_DIR, PDS_STATE_DIR, PDS_RUNTIME_DIR', 'Directories to use instead of the usual ones.'],
        ['NO_COLOR', 'No colours, whatever its value.'],
      ]),
    ),
    section('SEE ALSO', paragraph(seeAlso.join(', '))),
  ];
  return { file: 'man1/sesame.1', text: parts.join('') };
}

function allExits(commands: readonly CommandDefinition[]): [string, string][] {
  const all = new Map(commands.flatMap((command) => [...exitsOf(command)]));
  return [...all].sort(([left], [right]) => left - right).map(([code, meaning]) => [String(code), meaning]);
}

function groupPage(group: string, members: readonly CommandDefinition[]): ManualPage {
  const summary = members.map((command) => command.summary).join('; ');
  const parts = [
    heading(`SESAME-${group.toUpperCase()}`, 1),
    section('NAME', paragraph(`sesame-${group} - ${summary}`)),
    section('SYNOPSIS', members.map((command) => `.B ${roff(usageOf(command))}\n`).join('.br\n')),
    ...members.map((command) => section(members.length === 1 ? 'DESCRIPTION' : command.name.toUpperCase(), commandText(command))),
    section('SEE ALSO', paragraph('sesame(1)')),
  ];
  return { file: `man1/sesame-${group}.1`, text: parts.join('') };
}

function commandText(command: CommandDefinition): string {
  const parts = [
    command.description.map(paragraph).join(''),
    subsection('Arguments', definitions(command.arguments.map(({ name, description }) => [name, description]))),
    subsection('Options', definitions(allOptions(command).map((option) => [optionForm(option), optionText(option)]))),
    subsection('Exit status', definitions(exitsOf(command).map(([code, meaning]) => [String(code), meaning]))),
    subsection(
      'Examples',
      command.examples.map(({ text, line }) => `.PP\n${roff(text)}:\n.PP\n.EX\n${roff(line)}\n.EE\n`).join(''),
    ),
  ];
  return parts.join('');
}

/** The pages of the daemons, which have no options of their own. */
export function daemonPages(): ManualPage[] {
  const environment = definitions([
    ['PDS_CONFIG_DIR, PDS_STATE_DIR, PDS_RUNTIME_DIR', 'Directories to use instead of the usual ones.'],
    ['NOTIFY_SOCKET', 'Where readiness is reported, as sd_notify(3) has it.'],
  ]);
  const signals = definitions([
    ['SIGTERM, SIGINT', 'Stop accepting, finish what is under way, wipe every key and end, within 5 seconds.'],
    ['SIGHUP', 'Read the configuration again. An invalid one is refused and the one before stays in force.'],
  ]);
  const profileFiles = definitions([
    ['/run/pds/bus.sock', 'The bus.'],
    [
      '/run/pds/credentials.sock',
      'For LoadCredential= of systemd.exec(5), where a client of the configuration has credentials. A unit gets what its client is named and its ' +
        'access rules allow; one that is refused does not start.',
    ],
  ]);
  const daemons = [
    ['daemon-profile', 'the bus, profiles and audit chain of Open Sesame', 'owns the bus, the profiles and the audit chain.'],
    ['daemon-secrets', 'the vaults of Open Sesame', 'owns the vaults and everything that opens them.'],
  ] as const;
  return daemons.map(([name, summary, text]) => ({
    file: `man8/${name}.8`,
    text: [
      heading(name.toUpperCase(), 8),
      section('NAME', paragraph(`${name} - ${summary}`)),
      section('SYNOPSIS', `.B ${roff(name)}\n`),
      section('DESCRIPTION', paragraph(`${name} ${text} The order in which the two daemons start does not matter.`)),
      section('SIGNALS', signals),
      section('ENVIRONMENT', environment),
      section('FILES', name === 'daemon-profile' ? profileFiles : ''),
      section('SEE ALSO', paragraph('sesame(1), pds-config(5)')),
    ].join(''),
  }));
}

/** One setting of the configuration. */
export interface Setting {
  readonly key: string;
  readonly text: string;
}

export function configurationPage(settings: readonly Setting[]): ManualPage {
  const parts = [
    heading('PDS-CONFIG', 5),
    section('NAME', paragraph('pds-config - the configuration of Open Sesame for devices')),
    section(
      'DESCRIPTION',
      paragraph(
        'TOML. config.toml in the configuration directory, then config.d/*.toml in order; later files win. policy.toml locks settings against all of ' +
          'them. `sesame config check` names every mistake, `sesame config show` what is in force.',
      ),
    ),
    section('SETTINGS', definitions(settings.map(({ key, text }) => [key, text]))),
    section(
      'FILES',
      definitions([
        ['/etc/pds/config.toml', 'The configuration of a device.'],
        ['/etc/pds/policy.toml', 'Locked settings.'],
      ]),
    ),
    section('SEE ALSO', paragraph('sesame(1), sesame-config(1)')),
  ];
  return { file: 'man5/pds-config.5', text: parts.join('') };
}

function heading(name: string, part: number): string {
  return `.\\" SPDX-License-Identifier: MIT\n.TH ${roff(name)} ${part} "" "${suite} ${version}" "${suite}"\n.nh\n.ad l\n`;
}

function section(title: string, body: string): string {
  return body === '' ? '' : `.SH ${roff(title)}\n${withoutBreak(body.endsWith('\n') ? body : `${body}\n`)}`;
}

function subsection(title: string, body: string): string {
  return body === '' ? '' : `.SS ${title}\n${withoutBreak(body)}`;
}

/** A heading starts a paragraph by itself. */
function withoutBreak(body: string): string {
  return body.replace(/^\.PP\n/, '');
}

function paragraph(text: string): string {
  return `.PP\n${roff(text)}\n`;
}

function definitions(rows: readonly (readonly [string, string])[]): string {
  return rows.map(([term, text]) => `.TP\n.B ${roff(term)}\n${roff(text)}\n`).join('');
}

/** Text for roff: backslashes, leading dots and quotes, and dashes that are to stay ASCII (man(7), groff_char(7)). */
function roff(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll('"', '\\(dq')
    .replaceAll('…', '\\&...');
  return escaped.startsWith('.') ? `\\&${escaped}` : escaped;
}
