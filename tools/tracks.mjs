// SPDX-License-Identifier: MIT
// Programs side by side, shown one after the other: what runs later is kept until the one before it has ended.
import { spawn } from 'node:child_process';
import { root, say } from './setup.mjs';

/**
 * Runs the steps of each track in order and the tracks at the same time. A step that fails ends its track; the others go on.
 * @param tracks [{ title, steps: [{ command, args, env }] }]; the first one is shown as it goes
 * @returns whether all succeeded
 */
export async function runTracks(tracks) {
  const screens = tracks.map(() => new Screen());
  const results = tracks.map((track, index) => runTrack(track, screens[index]));
  let good = true;
  for (const [index, result] of results.entries()) {
    screens[index].show();
    good = (await result) && good;
  }
  return good;
}

async function runTrack({ title, steps }, screen) {
  const started = Date.now();
  for (const { command, args, env } of steps) {
    const code = await new Promise((resolve) => {
      const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => screen.write(chunk));
      child.on('error', (thrown) => screen.write(`${command} cannot be run: ${thrown.message}\n`));
      child.on('close', (exitCode, signal) => resolve(exitCode ?? signal));
    });
    if (code === 0) continue;
    screen.write(`error: ${title}: ${command} ended with ${code}\n`);
    return false;
  }
  say(`${title}: done after ${Math.round((Date.now() - started) / 1000)} s`);
  return true;
}

/** Output that is kept until it is its turn. */
class Screen {
  #kept = [];

  write(chunk) {
    if (this.#kept === undefined) process.stdout.write(chunk);
    else this.#kept.push(chunk);
  }

  show() {
    for (const chunk of this.#kept ?? []) process.stdout.write(chunk);
    this.#kept = undefined;
  }
}
