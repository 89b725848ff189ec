// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { boards, card, cardContent } from '../build/card.ts';
import { runProgram } from '../build/program.ts';
import { RaspberryPi } from '../harness/raspberry-pi.ts';

const gibibyte = 1024 ** 3;
/** Under emulation; a Raspberry Pi of metal takes a tenth of it. */
const bootLimitMs = 400_000;
const say = (text: string) => process.stderr.write(`${text}\n`);

describe('a Raspberry Pi 3 that starts from the card', () => {
  const directory = mkdtempSync(join(tmpdir(), 'open-sesame-pi-'));
  let pi: RaspberryPi | undefined;
  after(async () => {
    await pi?.cutPower();
    rmSync(directory, { recursive: true, force: true });
  });

  it('comes up on OpenRC with both daemons serving and the data partition grown', async () => {
    const content = await cardContent(say);
    const flashed = join(directory, 'card.img');
    await runProgram('cp', ['--sparse=always', join(await card(content, say), 'sdcard.img'), flashed]);
    truncateSync(flashed, gibibyte);
    const commandLine = readFileSync(join(boards, 'raspberrypi/cmdline.txt'), 'utf8').trim();
    pi = RaspberryPi.powerOn(flashed, content.files, commandLine.replace('ttyAMA0', 'ttyS1'));
    // The shell of the tests' image waits for a line; what it answers is not what was typed.
    await pi.shows(/^open-sesame-[0-9a-f]{6}# /m, bootLimitMs);
    pi.type('sesame status --json; rc-status default; df -m /var/lib; echo end of $((40 + 2))');
    await pi.shows(/end of 42/, bootLimitMs);
    const { console } = pi;
    assert.match(console, /growing \/dev\/mmcblk0p4/);
    for (const name of ['open-sesame-profile', 'open-sesame-secrets']) assert.match(console, new RegExp(`${name} +\\[ +started`));
    const [, mebibytes] = /\/dev\/mmcblk0p4 +(\d+) .*\/var\/lib/.exec(console) ?? [];
    assert.ok(Number(mebibytes) > 500, `the data partition has ${mebibytes} MiB`);
    assert.match(console, /"protection":\s*"(memfd_secret|mlock)"/);
  });
});
