// SPDX-License-Identifier: MIT
// The floor of a request: `server PATH` sends back what it gets, `relay PATH NEXT` passes bytes on to NEXT and back. Prints a
// line when it listens.
import { connect, createServer, type Socket } from 'node:net';

const [role = '', path = '', next = ''] = process.argv.slice(2);

function serve(socket: Socket): void {
  if (role === 'server') socket.pipe(socket);
  else socket.pipe(connect(next)).pipe(socket);
}

createServer(serve).listen(path, () => process.stdout.write('listening\n'));
