#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# tls-threads.py CERT KEY THREADS PORT GO: when the file GO is there, takes one TLS connection on the port that it writes
# to PORT, and reads it once in a thread, as so many others do that get nothing. Each of them is in a call of SSL_read_ex
# then. Prints "reading" when they are, and what came.
import os, resource, socket, ssl, sys, threading, time

cert, key, threads, port, go = sys.argv[1:]
files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
threading.stack_size(128 << 10)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
listener = socket.create_server(("127.0.0.1", 0))
with open(port + ".new", "w") as file:
    file.write(str(listener.getsockname()[1]))
os.rename(port + ".new", port)
while not os.path.exists(go):
    time.sleep(0.05)


def asleep(task):
    """Whether this thread waits in read(2)."""
    return open(f"/proc/self/task/{task}/syscall").read().startswith("0 ")


def read(connection, begun):
    begun.release()
    print(len(connection.recv(65536)), flush=True)


def begin(connection):
    threading.Thread(target=read, args=(connection, begun), daemon=True).start()
    begun.acquire()


begun = threading.Semaphore(0)
connection = context.wrap_socket(listener.accept()[0], server_side=True)
begin(connection)
while not any(asleep(task) for task in os.listdir("/proc/self/task") if int(task) != os.getpid()):
    time.sleep(0.05)
here, there = socket.socketpair()
for _ in range(int(threads)):
    begin(context.wrap_socket(here.dup(), server_side=True, do_handshake_on_connect=False))
time.sleep(1)
print("reading", flush=True)
time.sleep(600)
