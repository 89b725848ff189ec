// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { resolveBusDirectory, resolvePaths } from '../../src/config/paths.ts';
import { SesameError } from '../../src/core/errors.ts';
import { temporaryDirectory } from '../support/directory.ts';

const session = { HOME: '/home/kim', XDG_RUNTIME_DIR: '/run/user/1000' };
const system = {
  configuration: '/etc/pds',
  state: '/var/lib/pds',
  runtime: '/run/pds',
  mode: 'system',
  systemConfiguration: undefined,
  systemRuntime: undefined,
};

describe('the directories', () => {
  it("are the system's for root", () => assert.deepEqual(resolvePaths(session, 0), system));

  it("are the system's for whoever has no session: a service user", () => {
    assert.deepEqual(resolvePaths({ HOME: '/var/lib/pds' }, 990), system);
    assert.deepEqual(resolvePaths({}, 990), system);
  });

  it("are a user's own in a session, above the system's configuration", () => {
    assert.deepEqual(resolvePaths(session, 1000), {
      configuration: '/home/kim/.config/pds',
      state: '/home/kim/.config/pds',
      runtime: '/run/user/1000/pds',
      mode: 'user',
      systemConfiguration: '/etc/pds',
      systemRuntime: '/run/pds',
    });
  });

  it('follow XDG_CONFIG_HOME', () => {
    assert.equal(resolvePaths({ ...session, XDG_CONFIG_HOME: '/cfg' }, 1000).configuration, '/cfg/pds');
  });

  it('do not follow a relative path of the XDG specification', () => {
    assert.equal(resolvePaths({ ...session, XDG_CONFIG_HOME: 'cfg' }, 1000).configuration, '/home/kim/.config/pds');
    assert.deepEqual(resolvePaths({ HOME: '/home/kim', XDG_RUNTIME_DIR: 'run' }, 1000), system);
    assert.deepEqual(resolvePaths({ ...session, HOME: 'kim' }, 1000), system);
  });

  it('are each overridden by a variable, for root and for a user', () => {
    const overrides = { PDS_CONFIG_DIR: '/a', PDS_STATE_DIR: '/b', PDS_RUNTIME_DIR: '/c' };
    for (const uid of [0, 1000]) {
      const { configuration, state, runtime, systemConfiguration, systemRuntime } = resolvePaths(
        { ...session, ...overrides },
        uid,
      );
      assert.deepEqual([configuration, state, runtime], ['/a', '/b', '/c']);
      assert.deepEqual([systemConfiguration, systemRuntime], [undefined, undefined]);
    }
    assert.equal(resolvePaths({ ...session, PDS_STATE_DIR: '/b' }, 1000).configuration, '/home/kim/.config/pds');
  });

  it('are not overridden by an empty variable', () => {
    assert.deepEqual(resolvePaths({ PDS_CONFIG_DIR: '', PDS_STATE_DIR: '', PDS_RUNTIME_DIR: '' }, 0), system);
  });

  it('are refused when an override is relative', () => {
    for (const name of ['PDS_CONFIG_DIR', 'PDS_STATE_DIR', 'PDS_RUNTIME_DIR']) {
      assert.throws(
        () => resolvePaths({ [name]: 'here' }, 0),
        (thrown) =>
          thrown instanceof SesameError && thrown.exit === 2 && thrown.message.includes(`${name} is the relative path here`),
      );
    }
  });
});

describe('the bus that a command looks for', () => {
  const directory = temporaryDirectory();
  const withBus = (name: string): string => {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, 'bus.sock'), '');
    return join(directory, name);
  };
  const own = withBus('own');
  const shared = withBus('shared');
  const nowhere = join(directory, 'nowhere');
  const paths = resolvePaths(session, 1000);

  it("is the user's own where there is one", () => {
    assert.equal(resolveBusDirectory({ ...paths, runtime: own, systemRuntime: shared }), own);
  });

  it("is the system's where the user has none", () => {
    assert.equal(resolveBusDirectory({ ...paths, runtime: nowhere, systemRuntime: shared }), shared);
  });

  it("is said to be missing at the user's own place where there is none at all", () => {
    assert.equal(resolveBusDirectory({ ...paths, runtime: nowhere, systemRuntime: nowhere }), nowhere);
  });

  it('is the one that was asked for, running or not', () => {
    assert.equal(resolveBusDirectory(resolvePaths({ ...session, PDS_RUNTIME_DIR: nowhere }, 1000)), nowhere);
  });
});
