#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""once.py serve PORT | ask PORT: answers each connection once and closes it; or has one such connection."""
import socket
import sys

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: peer\r\n\r\n"
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


def serve(port):
    with socket.create_server(("127.0.0.1", port)) as listener:
        print("ready", flush=True)
        while True:
            with listener.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(ANSWER)
                connection.recv(4096)


def ask(port):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(REQUEST)
        assert connection.recv(4096) == ANSWER


{"serve": serve, "ask": ask}[sys.argv[1]](int(sys.argv[2]))
