// SPDX-License-Identifier: MIT
// Measures what the budgets are about: `npm run bench -- [--json FILE] [--only NAME]… [--quick]`. Each figure stands beside its
// floor, measured in the same run: ratios travel between machines, times do not. Ends with 1 when a budget is missed.
import { writeFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Exit } from '../src/core/exit.ts';
import { auditAppend } from './audit-append.ts';
import { auditVerify } from './audit-verify.ts';
import { daemonMemory } from './daemon-memory.ts';
import { type Benchmark, type Figure, holds, ratio } from './figure.ts';
import { lockedPages } from './locked-pages.ts';
import { sandbox } from './sandbox.ts';
import { secretGet } from './secret-get.ts';
import { table } from './table.ts';
import { tpmUnlock } from './tpm-unlock.ts';
import { vaultGrowth } from './vault-growth.ts';
import { wholeProcess } from './whole-process.ts';

const benchmarks: Readonly<Record<string, Benchmark>> = {
  'secret-get': secretGet,
  'whole-process': wholeProcess,
  'daemon-memory': daemonMemory,
  sandbox,
  'locked-pages': lockedPages,
  'tpm-unlock': tpmUnlock,
  'vault-growth': vaultGrowth,
  'audit-append': auditAppend,
  'audit-verify': auditVerify,
};

const { values: options } = parseArgs({
  options: {
    json: { type: 'string' },
    only: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
  },
});

const unknown = (options.only ?? []).filter((name) => !Object.hasOwn(benchmarks, name));
if (unknown.length > 0) {
  process.stderr.write(`bench: there is no ${unknown.join(', ')}; known are: ${Object.keys(benchmarks).join(', ')}\n`);
  process.exit(Exit.usage);
}

const figures: Figure[] = [];
for (const [name, benchmark] of Object.entries(benchmarks)) {
  if (options.only !== undefined && !options.only.includes(name)) continue;
  figures.push(...(await benchmark({ quick: options.quick, say: (text) => process.stderr.write(`${text}\n`) })));
}

process.stdout.write(`${table(figures)}\n`);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report(figures), null, 2)}\n`);
process.exit(figures.some((figure) => holds(figure) === false) ? Exit.unexpected : Exit.done);

function report(measured: readonly Figure[]) {
  return {
    node: process.version,
    architecture: arch(),
    processor: cpus()[0]?.model,
    processors: cpus().length,
    quick: options.quick,
    figures: measured.map((figure) => ({ ...figure, ratio: ratio(figure), holds: holds(figure) })),
  };
}
