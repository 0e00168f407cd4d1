# SPDX-License-Identifier: Apache-2.0
"""deferring.py URL FILE: passes what is posted to it on to URL, and the answer back. Its listener defers
accepting until there is a request, so that telltale reads each connection's first request only when
its answer passes: after the one that it caused. Its port is in FILE."""
import http.client
import os
import socket
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NEXT = urllib.parse.urlsplit(sys.argv[1])


class Forwarder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # a connection for each request

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {key: self.headers[key] for key in ("Content-Type", "Authorization") if key in self.headers}
        upstream = http.client.HTTPConnection(NEXT.hostname, NEXT.port)
        upstream.request("POST", self.path, body, headers)
        answer = upstream.getresponse()
        packet = answer.read()
        upstream.close()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
        self.send_header("Content-Length", str(len(packet)))
        self.end_headers()
        self.wfile.write(packet)

    def log_message(self, *_):
        pass


class Deferring(ThreadingHTTPServer):
    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)
        super().server_bind()


server = Deferring(("127.0.0.1", 0), Forwarder)
with open(sys.argv[2] + ".new", "w") as file:
    print(server.server_port, file=file)
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()
