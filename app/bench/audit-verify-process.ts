// SPDX-License-Identifier: MIT
// Does one thing with an audit file, three times, and prints the fastest in ms and the most memory it took in MB:
// `verify FILE HASH` as the product does, `floor FILE HASH` hashing and parsing every line and nothing else.
import { readFileSync } from 'node:fs';
import { verifyChain } from '../src/audit/verify.ts';
import { type ChainHash, createChainHash } from '../src/crypto/derive.ts';
import { memoryUsage } from '../src/linux/memory-usage.ts';

const [work = '', path = '', hash = ''] = process.argv.slice(2);
const algorithm: ChainHash = hash === 'sha256' ? 'sha256' : 'blake3';

/** The whole file at once, which is the fastest way to have its lines. */
function hashAndParse(): void {
  const digest = createChainHash(algorithm);
  const content = readFileSync(path);
  let start = 0;
  for (let end = content.indexOf(10); end >= 0; end = content.indexOf(10, start)) {
    const line = content.subarray(start, end);
    digest(line);
    JSON.parse(line.toString('utf8'));
    start = end + 1;
  }
}

let fastest = Number.POSITIVE_INFINITY;
for (let round = 0; round < 3; round += 1) {
  const start = performance.now();
  if (work === 'verify') await verifyChain(path);
  else hashAndParse();
  fastest = Math.min(fastest, performance.now() - start);
}
// Not getrusage(2): its maximum is inherited from the process that started this one.
process.stdout.write(JSON.stringify({ ms: fastest, mb: memoryUsage('self').peakKb / 1024 }));
