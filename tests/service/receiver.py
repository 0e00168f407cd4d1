#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""receiver.py PORT FILE: takes what an Alertmanager sends to a webhook, and adds a line for each alert to FILE: its
status, its name, the node or instance it is about."""
import http.server
import json
import sys


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open(sys.argv[2], "a", encoding="utf-8") as out:
            for alert in message["alerts"]:
                labels = alert["labels"]
                print(alert["status"], labels["alertname"], labels.get("source", labels.get("instance", "-")), file=out)
        self.send_response(200)
        self.end_headers()


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
