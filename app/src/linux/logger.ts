// SPDX-License-Identifier: MIT
import { fstatSync, writeSync } from 'node:fs';
import { type LogFields, type Logger, type LogLevel, logLevels } from '../core/log.ts';
import { printable } from '../core/text.ts';

export interface LoggerOptions {
  /** The least important level that is still written. */
  readonly level: LogLevel;
  /** One JSON object a line instead of text. */
  readonly json: boolean;
  /** Of the program. */
  readonly name: string;
  /** Puts the priority in front of each line, as the journal of systemd reads it (sd-daemon(3)). */
  readonly journal?: boolean;
  /** Takes a line with its newline; standard error when absent. */
  readonly write?: (line: string) => void;
}

export interface ConfigurableLogger extends Logger {
  /** Changes level and form from the next line on. */
  configure(level: LogLevel, json: boolean, journal?: boolean): void;
}

interface Entry {
  readonly time: string;
  readonly level: LogLevel;
  readonly name: string;
  readonly message: string;
}

/** Of syslog(3): what the journal sorts by. */
const priorities = { error: 3, warn: 4, info: 6, debug: 7, trace: 7 } as const satisfies Record<LogLevel, number>;

/**
 * Whether standard error is a stream to the journal: systemd names its device and inode in JOURNAL_STREAM (systemd.exec(5)).
 */
export function isJournal(environment: NodeJS.ProcessEnv): boolean {
  const { dev, ino } = fstatSync(2);
  return environment['JOURNAL_STREAM'] === `${dev}:${ino}`;
}

/** A logger that writes lines. Control characters are escaped, so that no name from outside can forge a line or drive a terminal. */
export function createLogger(options: LoggerOptions): ConfigurableLogger {
  let { level: threshold, json, journal = false } = options;
  const write = options.write ?? standardError();

  const log = (level: LogLevel, message: string, fields: LogFields = {}) => {
    if (logLevels.indexOf(level) > logLevels.indexOf(threshold)) return;
    const entry: Entry = { time: new Date().toISOString(), level, name: options.name, message };
    write(`${journal ? `<${priorities[level]}>` : ''}${json ? asJson(entry, fields) : asText(entry, fields)}\n`);
  };

  return {
    error: (message, fields) => log('error', message, fields),
    warn: (message, fields) => log('warn', message, fields),
    info: (message, fields) => log('info', message, fields),
    debug: (message, fields) => log('debug', message, fields),
    configure: (level, inJson, forJournal = false) => {
      threshold = level;
      json = inJson;
      journal = forJournal;
    },
  };
}

function asJson(entry: Entry, fields: LogFields): string {
  // The entry stands twice: first for the order of the members, last so that no field can replace one of them.
  const line = JSON.stringify({ ...entry, ...fields, ...entry });
  return line.replace(/[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function asText({ time, level, name, message }: Entry, fields: LogFields): string {
  const facts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${typeof value === 'string' ? quoteIfNeeded(value) : value}`);
  return printable(`${time} ${level} ${name}: ${message}${facts.join('')}`);
}

function quoteIfNeeded(value: string): string {
  return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

/** Writes to standard error synchronously, so that the last words of a daemon that dies are not lost in a queue. */
function standardError(): (line: string) => void {
  let lost = 0;
  return (line) => {
    try {
      if (lost > 0) writeSync(2, `${lost} log lines were lost: standard error did not take them\n`);
      lost = 0;
      writeSync(2, line);
    } catch {
      // A log that cannot be written must not stop a vault, and there is nowhere else to say so: counted, and said when it works again.
      lost += 1;
    }
  };
}
