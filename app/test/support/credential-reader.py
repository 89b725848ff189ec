# SPDX-License-Identifier: MIT
# Reads a credential as systemd does (systemd.exec(5), LoadCredential=): from an abstract address of its own, to the end.
# Arguments: the socket, the address behind its NUL byte. Prints how many bytes came, and those that are no zeros.
import socket
import sys

connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
if sys.argv[2] != "":
    connection.bind("\0" + sys.argv[2])
connection.connect(sys.argv[1])
connection.shutdown(socket.SHUT_WR)
received = b""
while piece := connection.recv(65536):
    received += piece
print(len(received), received.strip(b"\0").decode(), end="")
