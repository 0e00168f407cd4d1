# SPDX-License-Identifier: Apache-2.0
"""listener.py FILE PORT: accepts connections on loopback, never answers, and writes their number to
FILE; makes FILE.ready once it listens. With PORT 0 it takes any port, which FILE.port names."""
import socket
import sys

path, port = sys.argv[1], int(sys.argv[2])


def write(name, text):
    with open(name, "w") as file:
        file.write(f"{text}\n")


server = socket.create_server(("127.0.0.1", port))
connections = []
write(path, 0)
write(path + ".port", server.getsockname()[1])
write(path + ".ready", "")
while True:
    connections.append(server.accept()[0])
    write(path, len(connections))
