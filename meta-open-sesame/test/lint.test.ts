// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { layer, layerFiles, repository } from './support.ts';

const tools = join(repository, '.cache/python-tools/bin');

/** Rules of oelint-adv that do not hold here, and why. */
const suppressed: Readonly<Record<string, string>> = {
  'oelint.bbclass.underscores': "OpenEmbedded's own classes have hyphens",
  'oelint.vars.fileextrapaths': 'the release and the kernel fragments lie outside the layer',
  'oelint.vars.outofcontext': 'the same',
  'oelint.vars.noncoreoverride': 'means a class that every recipe inherits; this one is for kernels',
  'oelint.vars.mispell.unknown': 'variables of meta-openrc, of QEMU and our own',
  'oelint.vars.specific': "overrides of meta-raspberrypi's machines",
  'oelint.var.override': 'the demo image describes itself differently from the image that it requires',
  'oelint.var.filesoverride': 'packages of our own have no default to keep',
  'oelint.var.mandatoryvar.HOMEPAGE': 'the project has no page yet',
  'oelint.var.mandatoryvar.SRC_URI': 'users and package groups have no source',
  'oelint.var.licenseremotefile': 'they have no licence file either',
  'oelint.vars.homepageping': 'would need the network',
  'oelint.vars.insaneskip': 'native modules are as published: stripped already, and without a GNU hash table',
};

describe('the recipes', () => {
  it('have no mistake that oelint-adv knows', () => {
    const files = layerFiles('.bb', '.bbappend', '.bbclass', '.inc');
    const words = Object.keys(suppressed).flatMap((rule) => ['--suppress', rule]);
    const options = ['--release', 'wrynose', '--relpaths', '--quiet', '--hide', 'info'];
    const { stdout, stderr } = spawnSync(join(tools, 'oelint-adv'), [...options, ...words, ...files], {
      cwd: layer,
      encoding: 'utf8',
    });
    assert.equal(`${stdout}${stderr}`, '');
  });
});

/** kas ships the schema of its files. */
const validate = `
import json, pathlib, sys, jsonschema, kas, yaml
schema = json.loads(pathlib.Path(kas.__file__).with_name("schema-kas.json").read_text())
for name in sys.argv[1:]:
    document = yaml.safe_load(pathlib.Path(name).read_text())
    for error in jsonschema.Draft7Validator(schema).iter_errors(document):
        print(name, error.json_path, error.message)
    for repository in document.get("repos", {}).values():
        if "url" in repository and len(str(repository.get("commit"))) != 40:
            print(name, repository["url"], "is not pinned")
    for included in document["header"].get("includes", []):
        if not pathlib.Path(name).with_name(included).exists():
            print(name, included, "does not exist")
`;

describe('the kas files', () => {
  it('are valid, pinned and complete', () => {
    const files = layerFiles('.yml').map((path) => join(layer, path));
    const { stdout, stderr } = spawnSync(join(tools, 'python'), ['-c', validate, ...files], { encoding: 'utf8' });
    assert.equal(stderr + stdout, '');
  });

  it('exist for each board that is supported', () => {
    const boards = ['qemuarm64', 'raspberrypi3-64', 'raspberrypi4-64', 'raspberrypi5'];
    assert.deepEqual(
      boards.filter((board) => !existsSync(join(layer, 'kas', `${board}.yml`))),
      [],
    );
  });
});
