// SPDX-License-Identifier: MIT

const afUnix = 1;
/** struct sockaddr_un has room for 108 bytes behind the family. */
const longestPath = 108;

/** Whether a path, or `@name`, fits into an address. A path may fill it without a NUL byte at its end (unix(7)). */
export function isUnixAddress(path: string): boolean {
  return Buffer.byteLength(path) <= longestPath;
}

/** struct sockaddr_un (unix(7)); a leading `@` stands for the NUL byte of an abstract address. */
export function unixAddress(path: string): Buffer {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : path);
  const family = Buffer.alloc(2);
  family.writeUInt16LE(afUnix);
  return Buffer.concat([family, name]);
}
