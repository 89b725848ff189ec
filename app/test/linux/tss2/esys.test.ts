// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SesameError } from '../../../src/core/errors.ts';
import { Esys, esysOwner, esysPassword } from '../../../src/linux/tss2/esys.ts';
import { runModule } from '../../support/child.ts';
import { SoftwareTpm } from '../../support/swtpm.ts';
import { TpmDevice } from '../../support/tpm-device.ts';

const library = realpathSync(`/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/libtss2-tctildr.so.0`);
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

describe('a TPM behind a device file', () => {
  it('is waited for on the descriptor of the device, between other work', async () => {
    const chip = await SoftwareTpm.start();
    const device = await TpmDevice.start(chip);
    const esys = Esys.open({ ...options, tcti: device.tcti });
    let turns = 0;
    const counting = setInterval(() => {
      turns += 1;
    }, 1);
    try {
      const [object] = await esys.run(
        ...([
          'CreatePrimary',
          esysOwner,
          [esysPassword],
          noAuthorisation,
          rsaStorageKey,
          Buffer.alloc(2),
          Buffer.alloc(4),
        ] as const),
      );
      await esys.run('FlushContext', object);
    } finally {
      clearInterval(counting);
      esys.close();
      device.stop();
      await chip.remove();
    }
    assert.ok(turns > 3, `${turns} turns`);
  });
});

describe('opening a conversation', () => {
  it('says what is missing when no TPM is there', () => {
    const absent = () => Esys.open({ ...options, tcti: 'device:/dev/no-such-tpm' });
    assert.throws(absent, (thrown) => thrown instanceof SesameError && thrown.code === 'tpm-absent' && thrown.exit === 10);
  });

  it('says when the user may not use the device', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'tpm-')), 'tpmrm0');
    writeFileSync(path, '', { mode: 0o000 });
    const source = `
      const { deviceProblem } = await import(${JSON.stringify(import.meta.resolve('../../../src/linux/tss2/device.ts'))});
      if (process.getuid() === 0) process.setuid(65534);
      console.log(deviceProblem(${JSON.stringify(`device:${path}`)}));`;
    assert.match(runModule(source).stdout, /may not read and write it/);
    rmSync(dirname(path), { recursive: true });
  });

  it('names the library and the package when it cannot be loaded', { skip: cannotHide() }, () => {
    const source = `
      const { Esys } = await import(${JSON.stringify(import.meta.resolve('../../../src/linux/tss2/esys.ts'))});
      try { Esys.open({ tcti: 'swtpm:port=1', limitMs: 1, slowMs: 1 }); } catch (thrown) { console.log(thrown.code, thrown.exit, thrown.message); }`;
    const hidden = ['unshare', '--mount', 'sh', '-c', `mount --bind /dev/null "$1"; shift; exec "$@"`, 'sh', library];
    const { stdout } = runModule(source, { through: hidden });
    assert.match(stdout, /^tpm-library-missing 10 the library libtss2-tctildr.so.0 cannot be loaded: .*install tpm2-tss/);
  });

  it('loads no library before it is wanted', () => {
    const source = `
      import { readFileSync } from 'node:fs';
      await import(${JSON.stringify(import.meta.resolve('../../../src/linux/tss2/esys.ts'))});
      console.log(readFileSync('/proc/self/maps', 'utf8').includes('libtss2'));`;
    assert.equal(runModule(source).stdout.trim(), 'false');
  });
});

/** Hiding a library from one process takes a mount namespace. */
function cannotHide(): string | false {
  if (process.getuid?.() !== 0) return 'hiding a library needs root';
  return spawnSync('unshare', ['--mount', 'true']).status === 0 ? false : 'mount namespaces are not to be had here';
}
