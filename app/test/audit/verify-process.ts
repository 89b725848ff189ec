// SPDX-License-Identifier: MIT
// Verifies the file it is given and prints the most memory that took, in bytes. For verify.test.ts.
import { verifyChain } from '../../src/audit/verify.ts';

await verifyChain(process.argv[2] ?? '');
process.stdout.write(String(process.resourceUsage().maxRSS * 1024));
