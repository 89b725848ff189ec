// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createInstallation, parseInstallation, profileId, serialiseInstallation } from '../../src/config/installation.ts';
import { SesameError } from '../../src/core/errors.ts';
import { isUuid } from '../../src/core/uuid.ts';

const id = '00000000-0000-4000-8000-00000000002a';
// By Python's uuid.uuid5.
const namespace = '64c7e067-e41b-579c-aa5b-4c55121587d3';
const deviceProfile = '55a317d3-7988-53e0-8b1f-c637816bd056';
const orgNamespace = '373d6e52-b652-5ceb-86e6-53347dc81e7d';

function parse(text: string): ReturnType<typeof parseInstallation> {
  return parseInstallation('installation.toml', Buffer.from(text));
}

describe('a new installation', () => {
  it('has a random UUID of version 4, and a namespace made from it', () => {
    const one = createInstallation();
    assert.ok(isUuid(one.id) && one.id[14] === '4');
    assert.ok(isUuid(one.namespace) && one.namespace[14] === '5');
    assert.notEqual(createInstallation().id, one.id);
  });

  it('lies below the namespace of its organisation', () => {
    const { id: own, namespace: below, org } = createInstallation('example.org');
    assert.deepEqual(org, { domain: 'example.org', namespace: orgNamespace });
    assert.notEqual(below, createInstallation().namespace);
    assert.ok(isUuid(own));
  });

  it('reads back as it was written', () => {
    for (const installation of [createInstallation(), createInstallation('example.org')]) {
      const again = parseInstallation('installation.toml', serialiseInstallation(installation));
      assert.deepEqual(JSON.parse(JSON.stringify(again)), installation);
    }
  });
});

describe('installation.toml', () => {
  it('gives a profile the id that another implementation of RFC 9562 computes', () => {
    assert.equal(profileId(namespace, 'device'), deviceProfile);
    assert.equal(profileId(namespace.toUpperCase(), 'device'), deviceProfile);
  });

  it('keeps what this version does not know', () => {
    const text = `id = "${id}"\nnamespace = "${namespace}"\nfuture = [1, { a = true }]\n[machine_binding]\nbinding_hash = "${'0a'.repeat(32)}"\nbinding_type = "tpm-bound"\nextra = "x"\n[org]\ndomain = "example.org"\nnamespace = "${orgNamespace}"\nmore = 1\n`;
    const again = parse(serialiseInstallation(parse(text)).toString());
    assert.deepEqual(JSON.parse(JSON.stringify(again)), JSON.parse(JSON.stringify(parse(text))));
    assert.equal(again.machine_binding?.['extra'], 'x');
    assert.equal(again.org?.['more'], 1);
  });

  const refused: readonly (readonly [what: string, text: string, reason: RegExp])[] = [
    ['has no id', `namespace = "${namespace}"`, /line 1: the file has no id/],
    ['has an id that is no UUID', `namespace = "${namespace}"\nid = "x"`, /line 2: id is not well-formed/],
    [
      'has an organisation without a domain',
      `id = "${id}"\nnamespace = "${namespace}"\n[org]\nnamespace = "${namespace}"`,
      /line 3: org has no domain/,
    ],
    ['is cut off', `id = "${id.slice(0, 9)}`, /line 1: unfinished string/],
    ['is empty', '', /the file has no id/],
  ];
  for (const [what, text, reason] of refused) {
    it(`is refused when it ${what}`, () => {
      assert.throws(
        () => parse(text),
        (thrown) => thrown instanceof SesameError && thrown.code === 'installation-invalid' && reason.test(thrown.message),
      );
    });
  }
});
