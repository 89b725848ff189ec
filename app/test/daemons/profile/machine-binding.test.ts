// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { parseInstallation } from '../../../src/config/installation.ts';
import { RecordingLogger } from '../../../src/core/log.ts';
import { InstallationFiles } from '../../../src/daemons/profile/installation.ts';
import { machineIdBinding } from '../../../src/daemons/profile/machine-binding.ts';

const id = '00000000-0000-4000-8000-00000000002a';
const installation = { id, namespace: id };
const [one, other] = ['11'.repeat(32), '22'.repeat(32)];

let directory: string;
let logger: RecordingLogger;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'machine-'));
  logger = new RecordingLogger();
});
afterEach(() => rmSync(directory, { recursive: true }));

const path = () => join(directory, 'installation.toml');

function open(wanted: 'none' | 'machine-id' | 'tpm-bound' = 'tpm-bound'): InstallationFiles {
  return new InstallationFiles(directory, () => wanted, logger);
}

function write(binding = ''): void {
  writeFileSync(path(), `id = "${id}"\nnamespace = "${id}"\n${binding}`);
}

describe('the binding to the machine-id', () => {
  const machineId = (text: string) => {
    const file = join(directory, 'machine-id');
    writeFileSync(file, text);
    return file;
  };

  it('is BLAKE3 over its text and the id of the installation, as b3sum has it', () => {
    const text = '0123456789abcdef0123456789abcdef';
    const input = Buffer.concat([Buffer.from(text), Buffer.from(id.replaceAll('-', ''), 'hex')]);
    const oracle = spawnSync('b3sum', ['--no-names'], { input, encoding: 'utf8' }).stdout.trim();
    assert.deepEqual(machineIdBinding(installation, machineId(`${text}\n`)), {
      binding_hash: oracle,
      binding_type: 'machine-id',
    });
  });

  for (const text of ['', 'uninitialized\n']) {
    it(`is not there while the machine-id is ${JSON.stringify(text)}`, () => {
      assert.equal(machineIdBinding(installation, machineId(text)), undefined);
    });
  }

  it('is verified at every start, and a difference is said with file and type', () => {
    write(`[machine_binding]\nbinding_hash = "${one}"\nbinding_type = "machine-id"\n`);
    assert.deepEqual(open().binding, { type: 'machine-id', state: 'differs' });
    assert.match(
      logger.lines[0]?.message ?? '',
      /installation\.toml was made on another machine, or was changed: its machine-id/,
    );
  });
});

describe('the binding to the TPM', () => {
  it('is made with the first key, for the profile that it is the key of', () => {
    write();
    open().presentTpmKey('device', one, true);
    const { machine_binding: binding } = parseInstallation(path(), readFileSync(path()));
    assert.deepEqual({ ...binding }, { binding_hash: one, binding_type: 'tpm-bound', profile: 'device' });
  });

  it('is not made where it is not wanted', () => {
    write();
    open('none').presentTpmKey('device', one, true);
    assert.equal(open().binding, undefined);
  });

  it('is unverified until a key comes, and matches with the right one', () => {
    write(`[machine_binding]\nbinding_hash = "${one}"\nbinding_type = "tpm-bound"\nprofile = "device"\n`);
    const files = open();
    const before = files.binding?.state;
    files.presentTpmKey('device', one, false);
    assert.deepEqual([before, files.binding?.state], ['unverified', 'matches']);
  });

  it('differs with the key of another machine, and nothing is rewritten', () => {
    write(`[machine_binding]\nbinding_hash = "${one}"\nbinding_type = "tpm-bound"\nprofile = "device"\n`);
    const before = readFileSync(path());
    const files = open();
    files.presentTpmKey('device', other, false);
    assert.deepEqual([files.binding?.state, readFileSync(path())], ['differs', before]);
  });

  it('says nothing about the keys of other profiles', () => {
    write(`[machine_binding]\nbinding_hash = "${one}"\nbinding_type = "tpm-bound"\nprofile = "device"\n`);
    const files = open();
    files.presentTpmKey('other', other, true);
    assert.equal(files.binding?.state, 'unverified');
  });

  it('follows a key that was sealed anew', () => {
    write(`[machine_binding]\nbinding_hash = "${one}"\nbinding_type = "tpm-bound"\nprofile = "device"\n`);
    open().presentTpmKey('device', other, true);
    const files = open();
    files.presentTpmKey('device', other, false);
    assert.equal(files.binding?.state, 'matches');
  });
});
