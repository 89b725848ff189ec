// SPDX-License-Identifier: MIT
import { Exit } from '../../core/exit.ts';
import type { CommandDefinition } from '../definition.ts';
import { jsonOption, profileOption } from './options.ts';

export const approvalCommands: readonly CommandDefinition[] = [
  {
    name: 'tpm authorize',
    summary: 'approve the boot state after an update',
    description: [
      'Approves a boot that has not taken place yet, so that the TPM opens the vault in it. The vault must be unlocked: its key signs the ' +
        'approval. What is approved now stays approved until the new boot state has opened the vault once; then the TPM revokes it.',
      'Say what the next boot differs in: --kernel or --uki, --cmdline, --initrd. The PCR values are worked out from the event log of this ' +
        'boot. Where that is not possible, give the log of such a boot, or its PCR values.',
    ],
    arguments: [],
    options: [
      profileOption,
      { long: 'kernel', value: 'FILE', completes: 'file', description: 'the kernel that will be booted' },
      { long: 'uki', value: 'FILE', completes: 'file', description: 'the unified kernel image that will be booted' },
      { long: 'cmdline', value: 'TEXT', description: 'the kernel command line, as /proc/cmdline will show it' },
      { long: 'initrd', value: 'FILE', completes: 'file', description: 'the initial RAM disk; "none" when there will be none' },
      {
        long: 'event-log',
        value: 'FILE',
        completes: 'file',
        description: 'the event log of such a boot (binary_bios_measurements)',
      },
      { long: 'pcr-file', value: 'FILE', completes: 'file', description: 'PCR values, as tpm2_pcrread prints or writes them' },
      { long: 'label', value: 'TEXT', description: 'what to call this boot state, for the audit chain and for status' },
      { long: 'dry-run', description: 'print the PCR values and approve nothing' },
      jsonOption,
    ],
    examples: [
      { text: 'After a new kernel was written', line: 'sesame tpm authorize -p device --kernel /boot/Image' },
      { text: 'What would it be measured as?', line: 'sesame tpm authorize -p device --uki /boot/next.efi --dry-run' },
    ],
    exits: [
      Exit.notInitialised,
      Exit.locked,
      Exit.denied,
      Exit.notFound,
      Exit.tpmUnavailable,
      Exit.damaged,
      Exit.storage,
      Exit.unreachable,
    ],
    load: () => import('../commands/tpm-authorize.ts'),
  },
];
