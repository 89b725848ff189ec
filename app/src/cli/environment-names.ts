// SPDX-License-Identifier: MIT

/**
 * Names that could take over a program, or what it trusts, before its first own line runs. Compared in upper case: some loaders and
 * shells look at names without regard to case. A trailing `*` stands for any ending.
 */
const refusedNames = [
  // The dynamic linker and the C library
  'LD_*',
  'DYLD_*',
  'GLIBC_TUNABLES',
  'GCONV_PATH',
  'GETCONF_DIR',
  'HOSTALIASES',
  'LOCALDOMAIN',
  'LOCPATH',
  'MALLOC_*',
  'NIS_PATH',
  'NLSPATH',
  'RESOLV_HOST_CONF',
  'RES_OPTIONS',
  'TZDIR',
  'TMPDIR',
  'TMP',
  'TEMP',
  // Shells
  'PATH',
  'IFS',
  'ENV',
  'SHELL',
  'BASH_*',
  'BASHOPTS',
  'SHELLOPTS',
  'CDPATH',
  'FPATH',
  'GLOBIGNORE',
  'HISTFILE',
  'PROMPT',
  'PROMPT_COMMAND',
  'PS0',
  'PS1',
  'PS2',
  'PS3',
  'PS4',
  'INPUTRC',
  'MAIL',
  'MAILCHECK',
  'MAILPATH',
  'ZDOTDIR',
  'TERM',
  'TERMCAP',
  'TERMINFO',
  'TERMINFO_DIRS',
  'TERMPATH',
  // Interpreters and build tools
  'NODE_OPTIONS',
  'NODE_PATH',
  'NODE_EXTRA_CA_CERTS',
  'NODE_TLS_REJECT_UNAUTHORIZED',
  'NODE_REPL_EXTERNAL_MODULE',
  'NODE_V8_COVERAGE',
  'NODE_COMPILE_CACHE',
  'NODE_REDIRECT_WARNINGS',
  'NPM_CONFIG_*',
  'BUN_*',
  'DENO_*',
  'ELECTRON_RUN_AS_NODE',
  'PYTHON*',
  'PERL5OPT',
  'PERL5LIB',
  'PERL5DB',
  'PERLLIB',
  'PERLIO_DEBUG',
  'RUBYOPT',
  'RUBYLIB',
  'RUBYPATH',
  'RUBYSHELL',
  'GEM_HOME',
  'GEM_PATH',
  'BUNDLE_*',
  'JAVA_TOOL_OPTIONS',
  '_JAVA_OPTIONS',
  'JDK_JAVA_OPTIONS',
  'JAVA_OPTS',
  'JAVA_HOME',
  'CLASSPATH',
  'PHPRC',
  'PHP_INI_SCAN_DIR',
  'LUA_*',
  'R_PROFILE*',
  'R_ENVIRON*',
  'GOFLAGS',
  'GOPATH',
  'GOROOT',
  'GODEBUG',
  'DOTNET_STARTUP_HOOKS',
  'DOTNET_ADDITIONAL_DEPS',
  'CORECLR_*',
  'COR_*',
  'ERL_*',
  'TCLLIBPATH',
  'MAKEFLAGS',
  'MAKEFILES',
  'RUSTC_WRAPPER',
  'OPENSSL_CONF',
  'OPENSSL_MODULES',
  'OPENSSL_ENGINES',
  // Who the user is, and who is trusted
  'HOME',
  'USER',
  'USERNAME',
  'LOGNAME',
  'LANG',
  'LC_*',
  'LANGUAGE',
  'DISPLAY',
  'WAYLAND_DISPLAY',
  'XAUTHORITY',
  'XDG_*',
  'PDS_*',
  'SSH_AUTH_SOCK',
  'SSH_ASKPASS*',
  'SSH_AGENT_PID',
  'GPG_AGENT_INFO',
  'GNUPGHOME',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'SSLKEYLOGFILE',
  'CURL_CA_BUNDLE',
  'CURL_HOME',
  'REQUESTS_CA_BUNDLE',
  'NIX_*',
  'KRB5*',
  'GIT_*',
  'DBUS_*',
  'SUDO_*',
  'DOAS_*',
  'PKEXEC_UID',
  'EDITOR',
  'VISUAL',
  'PAGER',
  'LESSOPEN',
  'LESSCLOSE',
  'MANPAGER',
  'BROWSER',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'FTP_PROXY',
  'NO_PROXY',
  // Service managers, and ourselves
  'NOTIFY_SOCKET',
  'LISTEN_*',
  'SYSTEMD_*',
  'WATCHDOG_*',
  'CREDENTIALS_DIRECTORY',
  'SESAME_*',
] as const;

const exactNames: ReadonlySet<string> = new Set(refusedNames.filter((name) => !name.endsWith('*')));
const prefixes: readonly string[] = refusedNames.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));

/**
 * The variable that a secret is passed on as: upper-case, every byte outside `[A-Za-z0-9_]` as `_`, an optional prefix joined with `_`.
 * @param secret UTF-8; a letter of two bytes gives two `_`
 */
export function environmentName(secret: string, prefix?: string): string {
  const whole = prefix === undefined || prefix === '' ? secret : `${prefix}_${secret}`;
  return [...Buffer.from(whole, 'utf8')].map(nameByte).join('').toUpperCase();
}

function nameByte(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[A-Za-z0-9_]/.test(character) ? character : '_';
}

/** Whether a variable of this name could take over the program that gets it, or what it trusts. */
export function isRefusedName(name: string): boolean {
  const upper = name.toUpperCase();
  return exactNames.has(upper) || prefixes.some((prefix) => upper.startsWith(prefix));
}

/** Whether a shell can assign it (POSIX, 3.235 "Name"): it starts with a letter or "_". */
export function isShellName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}
