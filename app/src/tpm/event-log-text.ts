// SPDX-License-Identifier: MIT
import { printable } from '../core/text.ts';

const filePathNode = { type: 0x04, subtype: 0x04 } as const;
const endOfPath = 0x7f;
const nodeHeaderSize = 4;

/** A text of an event, whichever of the two ways in use it is encoded in, without its terminator; control characters are gone. */
export function eventText(data: Buffer): string {
  return isUtf16(data) ? utf16Text(data) : printable(trimmed(data.toString('latin1')));
}

/** UTF-16LE, as UEFI has all its texts. An odd byte at the end is no character. */
export function utf16Text(data: Buffer): string {
  return printable(trimmed(data.subarray(0, data.length & ~1).toString('utf16le')));
}

/** The files that a UEFI device path names (UEFI specification, section 10.3.5.4), or undefined when it names none. */
export function filesOfDevicePath(path: Buffer): string | undefined {
  const names: string[] = [];
  for (let at = 0; at + nodeHeaderSize <= path.length; ) {
    const type = path.readUInt8(at);
    const length = path.readUInt16LE(at + 2);
    if (type === endOfPath || length < nodeHeaderSize || length > path.length - at) break;
    const isFile = type === filePathNode.type && path.readUInt8(at + 1) === filePathNode.subtype;
    if (isFile) names.push(utf16Text(path.subarray(at + nodeHeaderSize, at + length)));
    at += length;
  }
  return names.length === 0 ? undefined : names.join(' ');
}

/** Latin letters in UTF-16LE have a zero as every second byte. */
function isUtf16(data: Buffer): boolean {
  return data.length >= 4 && data[0] !== 0 && data[1] === 0 && data[2] !== 0 && data[3] === 0;
}

function trimmed(text: string): string {
  const end = text.indexOf('\0');
  return end === -1 ? text : text.slice(0, end);
}
