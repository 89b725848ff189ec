// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { landlockAbi, oldestLandlock } from '../../src/linux/landlock.ts';
import { runModule } from '../support/child.ts';

const etc = mkdtempSync(join(tmpdir(), 'accounts-'));
after(() => rmSync(etc, { recursive: true }));

describe('the accounts of a process in a sandbox', { skip: landlockAbi().abi < oldestLandlock && 'no Landlock here' }, () => {
  it('are those that it read last when their file is replaced, which it says', () => {
    writeFileSync(join(etc, 'passwd'), 'mqtt:x:1042:1042::/:/bin/false\n');
    const ended = runModule(`
      import { renameSync, writeFileSync } from 'node:fs';
      import { accountId, staleAccounts } from '${import.meta.resolve('../../src/config/accounts.ts')}';
      import { landlockAbi, restrictAccess } from '${import.meta.resolve('../../src/linux/landlock.ts')}';
      import { forbidNewPrivileges } from '${import.meta.resolve('../../src/linux/process.ts')}';
      const etc = ${JSON.stringify(etc)};
      const ask = () => [accountId('passwd', 'mqtt', etc), staleAccounts()];
      forbidNewPrivileges();
      const rules = [
        { path: etc + '/passwd', allow: ['readFile'] },
        { path: etc, allow: ['writeFile', 'makeFile', 'removeFile', 'truncate'] },
      ];
      restrictAccess(landlockAbi().abi, rules, { abstractSockets: false, tcp: false });
      const before = ask();
      writeFileSync(etc + '/new', 'mqtt:x:7:7::/:/bin/false\\n');
      renameSync(etc + '/new', etc + '/passwd');
      process.stdout.write(JSON.stringify([before, ask()]));`);
    assert.equal(ended.status, 0, ended.stderr);
    assert.deepEqual(JSON.parse(ended.stdout), [
      [1042, []],
      [1042, [join(etc, 'passwd')]],
    ]);
  });
});
