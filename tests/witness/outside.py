# SPDX-License-Identifier: Apache-2.0
"""outside.py PORT PATH - what a busy process talks to: a server on TCP that answers each byte with itself, as long
as a database's answers may be, and one on a Unix socket that only listens, as a journal does."""
import socket
import sys
import threading


def answer(client):
    with client:
        try:
            while data := client.recv(65536):
                client.sendall(data)
        except OSError:
            pass


def listen(client):
    with client:
        while client.recv(65536):
            pass


def serve(listener, each):
    while True:
        threading.Thread(target=each, args=(listener.accept()[0],), daemon=True).start()


tcp = socket.create_server(("127.0.0.1", int(sys.argv[1])))
unix = socket.socket(socket.AF_UNIX)
unix.bind(sys.argv[2])
unix.listen()
print("ready", flush=True)
threading.Thread(target=serve, args=(unix, listen), daemon=True).start()
serve(tcp, answer)
