// SPDX-License-Identifier: MIT
// Verifies the file it is given and prints the most memory that took, in kB. For verify.test.ts.

import { verifyChain } from '../../src/audit/verify.ts';
import { memoryUsage } from '../../src/linux/memory-usage.ts';

await verifyChain(process.argv[2] ?? '');
// Not getrusage(2): its maximum is inherited from the process that started this one.
process.stdout.write(String(memoryUsage('self').peakKb));
