#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""slow.py ADDRESS MS READY: a peer that rejects every Prepare, MS milliseconds after it came. Its port is in READY."""
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REJECT = b"\x0e\x06T00\x00\x00\x00"


class Peer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(int(sys.argv[2]) / 1000)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {len(REJECT)}\r\n\r\n"
        # In one segment, which acknowledges the request.
        self.wfile.write(head.encode() + REJECT)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer((sys.argv[1], 0), Peer)
with open(sys.argv[3] + ".new", "w") as ready:
    ready.write(str(server.server_port))
os.rename(sys.argv[3] + ".new", sys.argv[3])
server.serve_forever()
