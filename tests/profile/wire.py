#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""wire.py PORT TO JOURNAL: what lies between a connector and its peer, which listens on port TO.

A packet whose destination ends in `wire` takes 12 ms there and 18 ms back, others nothing. The journal has a line
for each exchange: for both ways when the bytes came and when they were sent on. They come when the kernel takes
them in, so that how long this program waited for a CPU is in the time that it kept them.
"""
import json
import re
import socket
import struct
import sys
import threading
import time

SO_TIMESTAMPNS = 35
DELAYS = {"to_peer": 0.012, "from_peer": 0.018}


def receive(sock):
    """Some bytes, and when they came, by CLOCK_MONOTONIC in ns."""
    data, ancillary, _, _ = sock.recvmsg(65536, 64)
    came = time.monotonic_ns()
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, ns = struct.unpack("ll", value)
            came -= time.time_ns() - (seconds * 10**9 + ns)
    return data, came


class Link:
    """One connection of the connector's, and ours to the peer. It has one exchange at a time."""

    def __init__(self, near, to, journal):
        self.near, self.journal, self.line = near, journal, {}
        self.far = socket.create_connection(("127.0.0.1", to))
        for sock in (self.near, self.far):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    def start(self):
        for ends in ((self.near, self.far, "to_peer"), (self.far, self.near, "from_peer")):
            threading.Thread(target=self.carry, args=ends, daemon=True).start()

    def carry(self, source, target, way):
        try:
            while True:
                data, came = receive(source)
                if not data:
                    break
                self.pass_on(data, came, target, way)
        except OSError:
            pass
        for sock in (source, target):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def pass_on(self, data, came, target, way):
        found = re.search(rb"test\.peer\.([a-z]+)", data)
        if found:
            self.line = {"mode": found[1].decode()}
        if self.line.get("mode") == "wire":
            time.sleep(DELAYS[way])
        # They came with the first segment, and were sent on with the last.
        self.line[way] = [self.line.get(way, [came])[0], time.monotonic_ns()]
        target.sendall(data)
        if way == "from_peer":
            with open(self.journal, "a", encoding="ascii") as journal:
                journal.write(json.dumps(self.line) + "\n")


def main():
    port, to, journal = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    listener = socket.create_server(("127.0.0.1", port))
    listener.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    while True:
        near, _ = listener.accept()
        Link(near, to, journal).start()


main()
