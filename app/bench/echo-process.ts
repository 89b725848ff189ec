// SPDX-License-Identifier: MIT
// The floor of a request: `server PATH` sends back what it gets, `relay PATH NEXT` passes bytes on to NEXT and back. With `sealed` at the
// end each decrypts what comes and encrypts what goes, for which a message has to come in one piece. Prints a line when it listens.
import { connect, createServer, type Socket } from 'node:net';
import { open, seal } from './sealing.ts';

const sealed = process.argv.at(-1) === 'sealed';
const [role = '', path = '', next = ''] = process.argv.slice(2);

function pass(from: Socket, to: Socket): void {
  if (sealed) from.on('data', (message: Buffer) => to.write(seal(open(message))));
  else from.pipe(to);
}

function serve(socket: Socket): void {
  const other = role === 'server' ? socket : connect(next);
  pass(socket, other);
  if (other !== socket) pass(other, socket);
}

createServer(serve).listen(path, () => process.stdout.write('listening\n'));
