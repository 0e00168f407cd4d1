# SPDX-License-Identifier: Apache-2.0
"""A server of rates that behaves or misbehaves as the path says.

    rates_server.py PORT_FILE FOLDER [CERTIFICATE KEY]

/NAME is the file of that name in FOLDER; /loop redirects to itself, /away to /NAME of its query,
/huge is ten megabytes long, /endless never ends, /drip sends byte by byte and /silent nothing.
"""
import http.server
import os
import ssl
import sys
import time
import urllib.parse

folder = sys.argv[2]


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        try:
            self.respond(url.path, url.query)
        except OSError:
            pass  # the client has given up

    def respond(self, path, query):
        if path == "/loop":
            self.answer(302, Location="/loop")
        elif path == "/away":
            self.answer(302, Location="/" + query)
        elif path == "/huge":
            self.answer(200, b" " * 10_000_000)
        elif path == "/endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b" " * 65536)
        elif path in ("/drip", "/silent"):
            while path == "/silent":
                time.sleep(1)
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.02)
        else:
            name = os.path.join(folder, os.path.basename(path))
            if os.path.exists(name):
                with open(name, "rb") as file:
                    self.answer(200, file.read())
            else:
                self.answer(404)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(sys.argv[1] + ".part", "w") as file:
    print(server.server_port, file=file)
os.rename(sys.argv[1] + ".part", sys.argv[1])
server.serve_forever()
