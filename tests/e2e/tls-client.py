#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# tls-client.py URL CA PREPARE COUNT GO: once the file GO is there, posts the packet in PREPARE COUNT
# times over one connection. Python uses the shared libssl, and of it SSL_write_ex and SSL_read_ex.
import http.client, os, ssl, sys, time
from urllib.parse import urlsplit

url, ca, prepare, count, go = sys.argv[1:]
where = urlsplit(url)
context = ssl.create_default_context(cafile=ca)
while not os.path.exists(go):
    time.sleep(0.05)
connection = http.client.HTTPSConnection(where.hostname, where.port, context=context)
body = open(prepare, "rb").read()
for _ in range(int(count)):
    connection.request("POST", where.path or "/", body, {
        "Content-Type": "application/octet-stream", "Authorization": "Bearer secret-of-alice"})
    answer = connection.getresponse()
    kind = answer.read()[0]
    print(answer.status, kind)
    assert (answer.status, kind) == (200, 13)
