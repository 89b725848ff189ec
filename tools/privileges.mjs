// SPDX-License-Identifier: MIT
// What is made from the table of privileges in app/src/daemons/sandbox/privileges.ts: a part of SECURITY.md and directives of the units for
// systemd. Each stands between two marks in its file.
import { places, privileges, privilegesOf } from '../app/src/daemons/sandbox/privileges.ts';

const meanings = {
  read: 'read',
  run: 'execute',
  write: 'read, write',
  maintain: 'read, write, make, rename, remove files',
  arrange: 'the same, directories too',
  listen: 'make sockets',
};

/** The rows of the documentation, those of the same purpose together. */
function rows() {
  const grouped = new Map();
  for (const { path, access, daemons, why } of privileges) {
    const key = JSON.stringify([access, daemons, why]);
    grouped.set(key, [...(grouped.get(key) ?? []), onDevice(path)]);
  }
  return [...grouped].map(([key, paths]) => {
    const [access, daemons, why] = JSON.parse(key);
    const who = daemons.length === 2 ? 'both' : daemons[0];
    return `| ${who} | ${paths.map((path) => `\`${path}\``).join(', ')} | ${meanings[access]} | ${why} |`;
  });
}

/** A path of the table where it is on a device. */
function onDevice(path) {
  return path.replace(/^\{(\w+)\}/, (_, place) => places[place]);
}

function documentation() {
  return ['| daemon | path | may | for |', '|---|---|---|---|', ...rows()].join('\n');
}

/** systemd looks a path up when the service starts, and a device that appears later stays closed; a class of /proc/devices is there before. */
const deviceClasses = { '/dev/tpmrm0': 'char-tpm' };

/** systemd.exec(5): everything is read-only but what a daemon writes, and what is another's alone is hidden; a missing path is no mistake. */
function unitDirectives(daemon) {
  const written = privilegesOf(daemon).filter(({ access }) => ['write', 'maintain', 'arrange', 'listen'].includes(access));
  const paths = [...new Set(written.map(({ path }) => onDevice(path)))].filter((path) => !path.includes('NAME'));
  const devices = paths.filter((path) => path.startsWith('/dev/'));
  const directories = paths.filter((path) => !path.startsWith('/dev/'));
  const closed = privileges.filter(({ daemons, access }) => !daemons.includes(daemon) && access === 'arrange');
  return [
    ...closed.map(({ path }) => `InaccessiblePaths=-${onDevice(path)}`),
    ...directories.map((path) => `ReadWritePaths=-${path}`),
    'DevicePolicy=closed',
    ...devices.filter((path) => path !== '/dev/null').map((path) => `DeviceAllow=${deviceClasses[path] ?? path} rw`),
  ].join('\n');
}

const marks = {
  markdown: ['<!-- made from app/src/daemons/sandbox/privileges.ts -->', '<!-- end of what is made -->'],
  unit: ['# Made from app/src/daemons/sandbox/privileges.ts by `npm run fix`.', '# End of what is made.'],
};

function between([start, end], text, content, file) {
  const from = text.indexOf(start);
  const to = text.indexOf(end);
  if (from === -1 || to === -1) throw new TypeError(`${file} has lost the marks of what is made from the table of privileges`);
  return `${text.slice(0, from)}${start}\n${content}\n${text.slice(to)}`;
}

/** The files that hold something made from the table. @param read gives the text of a file */
export function privilegeFiles(read) {
  const unit = (daemon) => {
    const file = `app/init/systemd/system/open-sesame-${daemon.slice('daemon-'.length)}.service`;
    return [file, between(marks.unit, read(file), unitDirectives(daemon), file)];
  };
  const file = 'SECURITY.md';
  return [[file, between(marks.markdown, read(file), documentation(), file)], unit('daemon-profile'), unit('daemon-secrets')];
}
