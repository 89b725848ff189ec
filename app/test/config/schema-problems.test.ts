// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { schemaProblems } from '../../src/config/schema-problems.ts';
import { brief, documentOf } from './support.ts';

function said(text: string): string[] {
  return schemaProblems(documentOf(text), 'configuration').map(brief);
}

describe('a setting that the schema does not allow', () => {
  const cases: readonly (readonly [text: string, said: string])[] = [
    [
      '[global.ipc]\nchannel_capcity = 64',
      '2:1 error [global.ipc] has no setting channel_capcity; did you mean channel_capacity?',
    ],
    ['[globl.ipc]\nchannel_capacity = 64', '1:2 error the top level has no setting globl; did you mean global?'],
    [
      'global = { ipc = { Channel-Capacity = 64 } }',
      '1:20 error [global.ipc] has no setting Channel-Capacity; did you mean channel_capacity?',
    ],
    ['[global]\nlevel = "warn"', '2:1 error [global] has no setting level; it belongs to [global.logging]'],
    ['channel_capacity = 64', '1:1 error the top level has no setting channel_capacity; it belongs to [global.ipc]'],
    [
      '[crypto]\nzzz = 1',
      '2:1 error [crypto] has no setting zzz; known there are kdf, hkdf, noise_cipher, noise_hash, audit_hash, minimum_peer_profile',
    ],
    ['[[policy]]\nkey = "a"', '1:3 error the top level has no setting policy; locks stand in policy.toml'],
    [
      '[global.ipc]\nchannel_capacity = 8',
      '2:1 error global.ipc.channel_capacity is 8 and must be at least 16; write a whole number from 16 to 4096',
    ],
    [
      '[global.ipc]\nchannel_capacity = 4097',
      '2:1 error global.ipc.channel_capacity is 4097 and must be at most 4096; write a whole number from 16 to 4096',
    ],
    [
      '[global.ipc]\nchannel_capacity = "64"',
      '2:1 error global.ipc.channel_capacity must be a whole number from 16 to 4096 and is text; write it without quotes: channel_capacity = 64',
    ],
    [
      '[global.ipc]\nchannel_capacity = 64.5',
      '2:1 error global.ipc.channel_capacity must be a whole number from 16 to 4096 and is a number with a fraction; write a whole number from 16 to 4096',
    ],
    [
      '[global.ipc]\nsocket_path = "bus.sock"',
      '2:1 error global.ipc.socket_path is not well-formed; write an absolute path of at most 107 bytes, which is what a Unix socket holds',
    ],
    [
      '[global.logging]\njson = "true"',
      '2:1 error global.logging.json must be true or false and is text; write json = true or json = false, without quotes',
    ],
    [
      '[global.logging]\nlevel = "warning"',
      '2:1 error global.logging.level has the unknown value "warning"; did you mean "warn"? it is one of "error", "warn", "info", "debug", "trace"',
    ],
    [
      '[global]\nlogging = "debug"',
      '2:1 error global.logging must be a table and is text; write a section with [logging] above its settings',
    ],
    [
      '[global]\ndefault_profile = 7',
      '2:1 error global.default_profile must be text and is a number; write it between double quotes: default_profile = "…"',
    ],
    [
      '[profiles."my device"]',
      '1:11 error the name "my device" is not allowed in [profiles]; write 1 to 64 letters, digits, "_" or "-", starting with a letter or digit',
    ],
    [
      '[profiles.p.auth]\nrequired = ["tmp"]',
      '2:13 error profiles.p.auth.required[0] has the unknown value "tmp"; did you mean "tpm"? it is one of "password", "ssh-agent", "fido2", "tpm", "fingerprint", "yubikey"',
    ],
    [
      '[profiles.p.auth]\nrequired = ["tpm", "tpm"]',
      '2:1 error profiles.p.auth.required names the same thing twice; remove one of the two',
    ],
    ['[global.tpm]\npcrs = []', '2:1 error global.tpm.pcrs is empty; write at least one, or remove it'],
    [
      '[profiles.p.secrets.access]\nmqtt = "mqtt/*"',
      '2:1 error profiles.p.secrets.access.mqtt must be a list and is text; write a list: mqtt = ["…"]',
    ],
    ['[clients.c]\nuid = -1', '2:1 error clients.c.uid is -1 and must be at least 0; write a whole number from 0 to 4294967294'],
    [
      '[clients.c]\nuid = true',
      '2:1 error clients.c.uid must be a whole number from 0 to 4294967294 or text and is true; write a whole number from 0 to 4294967294 or text',
    ],
    [
      'config_version = 4',
      '1:1 error config_version is 4 and must be at most 3; the file is for a later version: update the program, or write the file for version 3',
    ],
  ];

  for (const [text, expected] of cases) {
    it(`is named, placed and corrected: ${JSON.stringify(text)}`, () => assert.deepEqual(said(text), [expected]));
  }

  it('is reported with every other one, from top to bottom', () => {
    const lines = said('[global.ipc]\nx = 1\nchannel_capacity = 1\n[global.logging]\njson = 1\n').map(
      (line) => line.split(':')[0],
    );
    assert.deepEqual(lines, ['2', '3', '5']);
  });

  it('is not repeated when it may be a secret that was pasted', () => {
    const secret = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef00';
    for (const text of [`[clients.c]\nkey = "${secret}"`, `[crypto]\nkdf = "${secret}"`, `[global]\nx = "${secret}"`]) {
      assert.ok(!said(text).join().includes(secret.slice(0, 30)), text);
    }
  });

  it('is one of at most 50', () => {
    const text = Array.from({ length: 200 }, (_, index) => `k${index} = 1\n`).join('');
    assert.equal(said(text).length, 50);
  });
});

describe('a policy file', () => {
  it('has no settings of its own', () => {
    const [problem] = schemaProblems(documentOf('[crypto]\nkdf = "argon2id"'), 'policy').map(brief);
    assert.match(problem ?? '', /^1:2 error .*; settings stand in config.toml; policy.toml has \[\[policy\]\] entries only$/);
  });
});
