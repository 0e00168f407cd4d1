# SPDX-License-Identifier: Apache-2.0
"""deferred.py serve COUNT FILE [ADDRESS]: listens and lets the kernel defer each connection until its request is there,
so that the request comes before its socket. Answers when it has COUNT requests. Its port is in FILE.
deferred.py ask PORT COUNT APART BODY [ADDRESS]: posts the file BODY once on each of COUNT connections, whose ports are
APART from each other, all before any is answered. Prints how many were answered."""
import os
import random
import socket
import sys


def serve(count, path, address="127.0.0.1"):
    server = socket.socket()
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)
    server.bind((address, 0))
    server.listen(count)
    with open(path + ".new", "w") as file:
        print(server.getsockname()[1], file=file)
    os.rename(path + ".new", path)
    while True:
        asked = [server.accept()[0] for _ in range(count)]
        for connection in asked:
            connection.recv(65536)
        for connection in asked:
            connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")


def bound(count, apart):
    """Sockets bound to that many free ports, all of which the kernel could have given to them: the others are for those
    who listen, and may be somebody's already who has not begun to."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as text:
        low, high = map(int, text.read().split())
    while True:
        first, sockets = random.randrange(low, high - (count - 1) * apart + 1), []
        try:
            for i in range(count):
                sockets.append(socket.socket())
                sockets[-1].bind(("", first + i * apart))
            return sockets
        except OSError:
            for s in sockets:
                s.close()


def ask(port, count, apart, path, address="127.0.0.1"):
    body = open(path, "rb").read()
    head = (
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    sockets = bound(count, apart)
    for s in sockets:
        s.settimeout(180)  # long enough for a busy machine
        s.connect((address, port))
        s.sendall(head + body)
    print(sum(s.recv(4096).startswith(b"HTTP/1.1 503") for s in sockets))


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]), *sys.argv[3:])
else:
    ask(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:])
