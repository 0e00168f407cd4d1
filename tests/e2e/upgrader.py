# SPDX-License-Identifier: Apache-2.0
"""upgrader.py FILE: answers every request with 101 Switching Protocols and speaks no HTTP afterwards; its
port is in FILE once it listens."""
import os
import socket
import sys

path = sys.argv[1]
server = socket.create_server(("127.0.0.1", 0))
with open(path + ".new", "w") as file:
    print(server.getsockname()[1], file=file)
os.rename(path + ".new", path)
while True:
    connection = server.accept()[0]
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
    while connection.recv(65536):
        connection.sendall(b"\x00something else")
