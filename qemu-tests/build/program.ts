// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import type { Say } from './artefact.ts';

export interface ProgramOptions {
  readonly directory?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** Told every few seconds that the program is still at work. */
  readonly say?: Say;
}

/** How often a program that takes long is mentioned, in ms. */
const reminderMs = 5_000;
const lastLines = 20;

/**
 * Runs a program of the build to its end, its output kept for the case that it fails.
 * @throws Error with the last lines of its output
 */
export async function runProgram(program: string, words: readonly string[], options: ProgramOptions = {}): Promise<string> {
  const child = spawn(program, words, {
    cwd: options.directory,
    env: options.environment ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let messages = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    messages += text;
  });
  const started = Date.now();
  const reminder = setInterval(() => {
    options.say?.(`  ${program}: ${Math.round((Date.now() - started) / 1000)} s`);
  }, reminderMs);
  try {
    const status = await new Promise<number | string>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
    if (status === 0) return output;
    const last = `${output}\n${messages}`.trim().split('\n').slice(-lastLines).join('\n');
    throw new Error(`${program} ${words.join(' ')} ended with ${status}:\n${last}`);
  } finally {
    clearInterval(reminder);
  }
}
