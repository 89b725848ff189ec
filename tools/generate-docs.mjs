// SPDX-License-Identifier: MIT
// Writes the manual pages and completion scripts, made from the same definitions as the help, below a directory: dist/share, or --out DIRECTORY.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { commands } from '../app/src/cli/commands.ts';
import { bashCompletion } from '../app/src/cli/completion/bash.ts';
import { fishCompletion } from '../app/src/cli/completion/fish.ts';
import { completionModel } from '../app/src/cli/completion/model.ts';
import { zshCompletion } from '../app/src/cli/completion/zsh.ts';
import { configurationSettings } from '../app/src/cli/configuration-settings.ts';
import { commandPages, configurationPage, daemonPages } from '../app/src/cli/man.ts';

const root = join(dirname(import.meta.filename), '..');
const option = process.argv.indexOf('--out');
const share = option === -1 ? join(root, 'dist/share') : resolve(process.argv[option + 1]);

const pages = [...commandPages(commands), ...daemonPages(), configurationPage(configurationSettings())];
const model = completionModel(commands);
const files = [
  ...pages.map(({ file, text }) => [`man/${file}`, text]),
  ['bash-completion/completions/sesame', bashCompletion(model)],
  ['zsh/site-functions/_sesame', zshCompletion(model)],
  ['fish/vendor_completions.d/sesame.fish', fishCompletion(model)],
];

for (const [file, text] of files) {
  const path = join(share, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
process.stdout.write(`wrote ${files.length} files below ${share}\n`);
