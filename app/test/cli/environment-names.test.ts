// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { environmentName, isRefusedName, isShellName } from '../../src/cli/environment-names.ts';

const secretName = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 64 });

describe('the variable of a secret', () => {
  it('is upper-case with _ for what stands in no name', () => {
    assert.equal(environmentName('api-key'), 'API_KEY');
    assert.equal(environmentName('mqtt/password'), 'MQTT_PASSWORD');
    assert.equal(environmentName('db.host-name'), 'DB_HOST_NAME');
  });

  it('has one _ for every byte of a letter outside ASCII', () => {
    assert.equal(environmentName('naïve'), 'NA__VE');
    assert.equal(environmentName('ß'), '__'); // toUpperCase of the text would make SS of it
  });

  it('is joined to a prefix with _', () => {
    assert.equal(environmentName('api-key', 'my-app'), 'MY_APP_API_KEY');
    assert.equal(environmentName('api-key', ''), 'API_KEY');
  });

  it('consists of capitals, digits and _ for any name, one for each byte', () => {
    fc.assert(
      fc.property(secretName, (secret) => {
        const name = environmentName(secret);
        assert.match(name, /^[A-Z0-9_]+$/);
        assert.equal(name.length, Buffer.byteLength(secret));
      }),
    );
  });
});

/** Every name that FORMATS and the desktop system refuse, written down here a second time. */
const mustBeRefused = [
  ['LD_PRELOAD', 'LD_LIBRARY_PATH', 'LD_AUDIT', 'LD_DEBUG', 'LD_DEBUG_OUTPUT', 'LD_DYNAMIC_WEAK', 'LD_PROFILE', 'LD_SHOW_AUXV'],
  ['LD_BIND_NOW', 'LD_BIND_NOT', 'DYLD_INSERT_LIBRARIES', 'DYLD_LIBRARY_PATH', 'DYLD_FRAMEWORK_PATH'],
  ['PATH', 'IFS', 'ENV', 'BASH_ENV', 'BASH_FUNC_LS%%', 'PROMPT_COMMAND', 'PS1', 'PS2', 'PS4', 'SHELL', 'CDPATH', 'GLOBIGNORE'],
  ['SHELLOPTS', 'BASHOPTS', 'MAIL', 'MAILPATH', 'MAILCHECK', 'TERM', 'LANG', 'DISPLAY', 'WAYLAND_DISPLAY', 'XDG_RUNTIME_DIR'],
  ['NODE_OPTIONS', 'NODE_PATH', 'NODE_EXTRA_CA_CERTS', 'PYTHONPATH', 'PYTHONSTARTUP', 'PYTHONHOME', 'PERL5OPT', 'PERL5LIB'],
  ['RUBYOPT', 'RUBYLIB', 'JAVA_TOOL_OPTIONS', 'JAVA_HOME', 'CLASSPATH', 'GOPATH', 'GOROOT', 'GOFLAGS'],
  ['HOME', 'USER', 'LOGNAME', 'SSH_AUTH_SOCK', 'GPG_AGENT_INFO', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'CURL_CA_BUNDLE'],
  ['REQUESTS_CA_BUNDLE', 'KRB5_CONFIG', 'KRB5CCNAME', 'GIT_SSL_CAINFO', 'GIT_SSL_NO_VERIFY', 'NIX_SSL_CERT_FILE', 'NIX_PATH'],
  ['SUDO_ASKPASS', 'SUDO_EDITOR', 'EDITOR', 'VISUAL', 'SYSTEMD_UNIT_PATH', 'DBUS_SESSION_BUS_ADDRESS', 'SESAME_PROFILE'],
].flat();

describe('a name that could take over a program', () => {
  for (const name of mustBeRefused) it(`is refused: ${name}`, () => assert.ok(isRefusedName(name)));

  it('is refused in any case', () => {
    const recased = fc
      .tuple(fc.constantFrom(...mustBeRefused), fc.infiniteStream(fc.boolean()))
      .map(([name, upper]) => [...name].map((letter) => (upper.next().value ? letter : letter.toLowerCase())).join(''));
    fc.assert(fc.property(recased, (name) => assert.ok(isRefusedName(name), name)));
  });

  it('is refused when a secret is named so that its variable would be', () => {
    for (const secret of ['ld-preload', 'Ld.Preload', 'node/options', 'path', 'bash-func-x', 'sesame-caller-NODE_OPTIONS'])
      assert.ok(isRefusedName(environmentName(secret)), secret);
  });

  it('is refused when a prefix makes it one', () => {
    assert.ok(isRefusedName(environmentName('preload', 'LD')));
  });

  it('is not found in ordinary names', () => {
    for (const name of [
      'API_KEY',
      'GITHUB_TOKEN',
      'AWS_SECRET_ACCESS_KEY',
      'MQTT_PASSWORD',
      'PATHOLOGY',
      'MY_LD_PRELOAD',
      'USERS',
      'OLD_PATH',
    ])
      assert.equal(isRefusedName(name), false, name);
  });
});

describe('a name that a shell can assign', () => {
  it('does not start with a digit', () => {
    assert.equal(isShellName('2FA_SEED'), false);
    assert.ok(isShellName('_2FA_SEED'));
  });
});
