// SPDX-License-Identifier: MIT
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artefact, contentKey, type Say } from './artefact.ts';
import { runProgram } from './program.ts';

const suite = 'bookworm';
const stubPackage = 'systemd-boot-efi';
const stubPath = './usr/lib/systemd/boot/efi/linuxaa64.efi.stub';

/** Where the sections go in memory: behind those of the stub, and each behind the one before. */
const addresses = { '.osrel': 0x2_0000, '.cmdline': 0x3_0000, '.linux': 0x200_0000, '.initrd': 0x600_0000 } as const;

export interface UnifiedKernel {
  readonly kernel: string;
  readonly commandLine: string;
  readonly initrd?: string;
}

/** systemd's EFI stub for aarch64, as Debian has it; nothing of it is run on this machine. */
export async function efiStub(cache: string, say: Say): Promise<string> {
  return await artefact({
    cache,
    name: 'efi-stub',
    key: contentKey(suite, stubPackage),
    announcement: "unpacking systemd's EFI stub (about 10 s)",
    say,
    make: unpackStub,
  });
}

async function unpackStub(path: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'open-sesame-stub-'));
  try {
    const tar = join(work, 'packages.tar');
    const options = ['--variant=extract', '--architectures=arm64', '--format=tar', `--include=${stubPackage}`];
    await runProgram('mmdebstrap', [...options, suite, tar]);
    await runProgram('tar', ['-x', '-f', tar, '-C', work, stubPath]);
    cpSync(join(work, stubPath), path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Writes a unified kernel image (UAPI.5): the stub with kernel, command line and initial RAM disk as sections of one EFI program. */
export async function unifyKernel(stub: string, { kernel, commandLine, initrd }: UnifiedKernel, path: string): Promise<string> {
  const work = mkdtempSync(join(tmpdir(), 'open-sesame-uki-'));
  try {
    const text = (name: string, content: string): string => {
      writeFileSync(join(work, name), content);
      return join(work, name);
    };
    const sections = {
      '.osrel': text('osrel', 'ID=open-sesame-device\n'),
      '.cmdline': text('cmdline', commandLine),
      '.linux': kernel,
      ...(initrd === undefined ? {} : { '.initrd': initrd }),
    };
    const words = Object.entries(sections).flatMap(([name, file]) => ['--add-section', `${name}=${file}`]);
    const places = Object.entries(addresses).flatMap(([name, address]) => ['--change-section-vma', `${name}=${address}`]);
    await runProgram('aarch64-linux-gnu-objcopy', [...words, ...places, stub, path]);
    return path;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
