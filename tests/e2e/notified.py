# SPDX-License-Identifier: Apache-2.0
"""notified.py SOCKET LOG - stands in for the service manager: appends each message to LOG, a line each."""
import socket
import sys

with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, open(sys.argv[2], "w") as log:
    manager.bind(sys.argv[1])
    while True:
        print(manager.recv(4096).decode().replace("\n", " "), file=log, flush=True)
