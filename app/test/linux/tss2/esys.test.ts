// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SesameError } from '../../../src/core/errors.ts';
import { Esys, esysOwner, esysPassword } from '../../../src/linux/tss2/esys.ts';
import { runModule } from '../../support/child.ts';
import { SoftwareTpm } from '../../support/swtpm.ts';

const options = { limitMs: 30_000, slowMs: 5_000, onSlow: () => undefined };

const noAuthorisation = Buffer.from('000400000000', 'hex');
/** TPM2B_PUBLIC of an RSA storage key. Making one takes a software TPM tens of milliseconds. */
const rsaStorageKey = Buffer.from('001a0001000b000304720000000600800043001008000000' + '00000000', 'hex');

describe('a conversation with a TPM', () => {
  let chip: SoftwareTpm;
  before(async () => {
    chip = await SoftwareTpm.start();
  });
  after(() => chip.remove());

  it('answers with structures in wire form', async () => {
    const esys = Esys.open({ ...options, tcti: chip.tcti });
    const sha256OfPcr0 = Buffer.from('00000001000b03010000', 'hex');
    const [, selection, digests] = await esys.run('PCR_Read', [], sha256OfPcr0);
    esys.close();
    assert.deepEqual([selection, digests], [sha256OfPcr0, Buffer.from(`000000010020${'00'.repeat(32)}`, 'hex')]);
  });

  it('names the command, the response and what it means when the TPM refuses', async () => {
    const esys = Esys.open({ ...options, tcti: chip.tcti });
    await assert.rejects(
      esys.run('TR_FromTPMPublic', 0x81000001, []),
      (thrown) => thrown instanceof SesameError && /TR_FromTPMPublic with 0x18b: .*handle/.test(thrown.message),
    );
    esys.close();
  });

  it('leaves the event loop free while the TPM works', async () => {
    const esys = Esys.open({ ...options, tcti: chip.tcti });
    let turns = 0;
    const counting = setInterval(() => {
      turns += 1;
    }, 1);
    try {
      await esys.run(
        'CreatePrimary',
        esysOwner,
        [esysPassword],
        noAuthorisation,
        rsaStorageKey,
        Buffer.alloc(2),
        Buffer.alloc(4),
      );
    } finally {
      clearInterval(counting);
      esys.close();
    }
    assert.ok(turns > 3, `${turns} turns`);
  });
});

describe('opening a conversation', () => {
  it('says what is missing when no TPM is there', () => {
    const absent = () => Esys.open({ ...options, tcti: 'device:/dev/no-such-tpm' });
    assert.throws(absent, (thrown) => thrown instanceof SesameError && thrown.code === 'tpm-absent' && thrown.exit === 10);
  });

  it('loads no library before it is wanted', () => {
    const source = `
      import { readFileSync } from 'node:fs';
      await import(${JSON.stringify(import.meta.resolve('../../../src/linux/tss2/esys.ts'))});
      console.log(readFileSync('/proc/self/maps', 'utf8').includes('libtss2'));`;
    assert.equal(runModule(source).stdout.trim(), 'false');
  });
});
