// SPDX-License-Identifier: MIT
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { artefact, contentKey, contentOf, type Say } from './artefact.ts';
import { defaultCache } from './device.ts';
import { openrcCard } from './openrc-card.ts';
import { runProgram } from './program.ts';
import { type RaspberryPiFiles, raspberryPiFiles } from './raspberry-pi.ts';
import { rootFileSystem } from './root-file-system.ts';

export const boards = join(import.meta.dirname, '../../buildroot-ext/board');

/** What a card consists of before it is one. */
export interface CardContent {
  /** Squashfs for slot A. */
  readonly root: string;
  readonly files: RaspberryPiFiles;
}

/** Names of the files that composing a card makes. */
export const cardFiles = ['sdcard.img', 'sdcard.img.bmap', 'sdcard.img.xz', 'sdcard.sha256'] as const;

/** Composes a card in a directory as Buildroot's post-image script does, by the same scripts. */
export async function composeCard(directory: string, { root, files }: CardContent): Promise<void> {
  const boot = join(directory, 'boot');
  mkdirSync(boot, { recursive: true });
  cpSync(files.firmware, boot, { recursive: true });
  cpSync(files.kernel, join(boot, 'Image'));
  cpSync(join(files.deviceTrees, 'bcm2837-rpi-3-b.dtb'), join(boot, 'bcm2837-rpi-3-b.dtb'));
  cpSync(files.initrd, join(boot, 'initrd'));
  cpSync(join(boards, 'raspberrypi/config-3.txt'), join(boot, 'config.txt'));
  cpSync(join(boards, 'raspberrypi/cmdline.txt'), join(boot, 'cmdline.txt'));
  cpSync(root, join(directory, 'rootfs.squashfs'));
  await runProgram('sh', [join(boards, 'common/data-partition.sh'), join(directory, 'data.ext4')]);
  // Fast: the tests unpack it once.
  const environment = { ...process.env, CARD_COMPRESSION: '-0' };
  const words = [join(boards, 'common/pack-card.sh'), join(boards, 'raspberrypi/genimage.cfg'), directory];
  await runProgram('sh', words, { environment });
}

/** A card with the root file system of this checkout and Debian's firmware and kernel. */
export async function cardContent(say: Say, cache = defaultCache): Promise<CardContent> {
  return { root: await rootFileSystem(openrcCard, cache, say), files: await raspberryPiFiles(cache, say) };
}

/** The directory that a card was composed in. */
export async function card(content: CardContent, say: Say, cache = defaultCache): Promise<string> {
  return await artefact({
    cache,
    name: 'card',
    key: contentKey(content.root, content.files.kernel, contentOf(boards), contentOf(import.meta.filename)),
    announcement: 'composing the card (about 20 s)',
    say,
    async make(path) {
      mkdirSync(path);
      await composeCard(path, content);
    },
  });
}
