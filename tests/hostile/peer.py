#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""peer.py ATTACK COUNT SEED [FILE...] - attacks a program that reads this process's traffic.

Both ends of each connection are here, so that telltale sees an attack as outgoing and as incoming. No
Prepare is ever answered correctly, so telltale counts no payment from here. Prints a line when
it is done; attacks that hold connections open do until the file $RELEASE is there, and `tls` begins with
the file $GO.
"""
import os
import random
import resource
import select
import socket
import ssl
import struct
import sys
import threading
import time

LISTENERS = 8
ALPHABET = b"\r\n\0\xff :;,/%\x16\x03POSTHTTP/1.1content-length"


def oer(data):
    n = len(data)
    if n < 128:
        return bytes([n]) + data
    size = (n.bit_length() + 7) // 8
    return bytes([0x80 | size]) + n.to_bytes(size, "big") + data


def prepare(n, data=b"x" * 40):
    contents = (struct.pack(">Q", 1000 + n) + b"20991231235959999" + n.to_bytes(32, "big")
                + oer(b"test.hostile.%d" % n) + oer(data))
    return b"\x0c" + oer(contents)


def request(n, body, host=b"victim.example", path=b"/", token=b"secret", length=None, extra=b""):
    return (b"POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%s"
            b"Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n%s"
            % (path, host, token, extra, len(body) if length is None else length, body))


def answer(body):
    return (b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n%s"
            % (len(body), body))


FULFILL = b"\x0d" + oer(b"f" * 32 + oer(b""))


class Bed:
    """Connections to ourselves, with a thread that reads and drops what arrives."""

    def __init__(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.listeners = []
        for _ in range(LISTENERS):
            listener = socket.socket()
            listener.bind(("127.0.0.1", 0))
            listener.listen(512)
            self.listeners.append(listener)
        self.opened = 0
        self.poll = select.epoll()
        self.open = {}
        threading.Thread(target=self.drop, daemon=True).start()

    def drop(self):
        while True:
            for fd, _ in self.poll.poll():
                end = self.open.get(fd)
                try:
                    if end is not None and end.recv(1 << 16):
                        continue
                except OSError:
                    pass
                try:
                    self.poll.unregister(fd)
                except OSError:
                    pass

    def pair(self, read=True):
        """Opens a connection; the input of its second end is dropped unless READ is false."""
        listener = self.listeners[self.opened % LISTENERS]
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
        self.opened += 1
        if read:
            self.open[far.fileno()] = far
            self.poll.register(far.fileno(), select.EPOLLIN)
        return near, far

    def close(self, near, far):
        if self.open.pop(far.fileno(), None) is not None:
            try:
                self.poll.unregister(far.fileno())
            except OSError:
                pass
        near.close()
        far.close()


def mutated(rng, data):
    data = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(data)) if data else 0
        kind = rng.randrange(5)
        if kind == 0 and data:
            data[at] = rng.randrange(256)
        elif kind == 1:
            data[at:at] = bytes(rng.choice(ALPHABET) for _ in range(rng.randint(1, 20)))
        elif kind == 2:
            del data[at:at + rng.randint(1, 40)]
        elif kind == 3:
            data[at:at] = data[at:at + rng.randint(1, 200)]
        elif data:
            data[at:] = bytes(rng.randrange(256) for _ in range(min(len(data) - at, 64)))
    return bytes(data)


def in_pieces(rng, end, data):
    while data:
        n = rng.choice((1, 2, 7, 100, 1 << 20))
        end.sendall(data[:n])
        data = data[n:]


def each_on_few(bed, count, make, per_connection=16):
    """COUNT messages over connections that last for some of them; MAKE(n, near, far) sends one."""
    done = 0
    while done < count:
        near, far = bed.pair()
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for _ in range(min(per_connection, count - done)):
                make(done, near, far)
                done += 1
        except OSError:
            done += 1
        bed.close(near, far)


def malformed_http(bed, count, rng, _):
    good = [request(1, prepare(1)), request(1, prepare(1)) + request(2, prepare(2)),
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Type: application/octet-stream\r\n\r\n"
            b"1f;a=b\r\n" + b"z" * 31 + b"\r\n0\r\nX: y\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"]

    def make(n, near, far):
        in_pieces(rng, near, b"POST " + mutated(rng, rng.choice(good))[5:])
        if rng.random() < 0.5:
            in_pieces(rng, far, mutated(rng, answer(b"no packet")))

    each_on_few(bed, count, make)


def malformed_ilp(bed, count, rng, _):
    def make(n, near, far):
        body = mutated(rng, prepare(n, rng.randbytes(rng.choice((0, 40, 300)))))
        near.sendall(request(n, body, length=rng.choice((None, None, 0, 3, len(body) + 9, 10 ** 17))))
        in_pieces(rng, far, answer(mutated(rng, b"\x0e" + oer(b"T04" + oer(b"a") + oer(b"b") + oer(b"")))))

    each_on_few(bed, count, make, 4)


def malformed_tls(bed, count, rng, _):
    """Bytes that look like TLS: each connection makes telltale look for its owner."""
    for _ in range(count):
        near, far = bed.pair()
        kind = rng.choice((b"\x16\x03\x01", b"\x17\x03\x03", b"\x15\x03\x03", b"\x16\x03\x09"))
        near.sendall(kind + struct.pack(">H", rng.choice((0, 1, 200, 16384, 65535)))
                     + rng.choice((b"\x01", b"\x02")) + rng.randbytes(60))
        bed.close(near, far)


def endless_heads(bed, count, rng, _):
    for start in (b"POST / HTTP/1.1\r\n", b"POST " + b"/a" * 4000):
        near, far = bed.pair()
        near.sendall(start)
        for n in range(count):
            near.sendall(b"X-%d: %s\r\n" % (n, b"y" * rng.randint(0, 900)))
        near.sendall(b"Z" * 70000)
        bed.close(near, far)


def endless_chunks(bed, count, rng, _):
    head = (b"POST / HTTP/1.1\r\nHost: victim.example\r\nContent-Type: application/octet-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n")
    near, far = bed.pair()
    near.sendall(head + b"1\r\n\x0c\r\n" * 40)
    for _ in range(count):
        near.sendall(b"1\r\nx\r\n" * 200)
    bed.close(near, far)
    near, far = bed.pair()
    near.sendall(head + b"ffffffffffffffff\r\n" + b"1;" + b"e" * 100000 + b"\r\nx\r\n")
    bed.close(near, far)


def endpoints(bed, count, rng, _):
    """No Host, path, token, destination, condition or Request-Id occurs twice; sixteen requests a segment. The reply of
    each is to come later, as a request, and never does."""
    near, far = bed.pair()
    near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for first in range(0, count, 16):
        batch = range(first, min(first + 16, count))
        near.sendall(b"".join(request(n, prepare(n), b"h%d.example" % n, b"/p%d" % n, b"t%d" % n,
                                      extra=b"Request-Id: %032x\r\n" % n) for n in batch))
        far.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n" * len(batch))
        near.recv(1 << 20)
    bed.close(near, far)


def unasked(bed, count, rng, _):
    """Fulfills without a Prepare: before one Prepare, and many after it."""
    near, far = bed.pair(read=False)
    threading.Thread(target=lambda: [None for _ in iter(lambda: near.recv(1 << 16), b"")], daemon=True).start()
    near.sendall(request(1, prepare(1), extra=b"Expect: 100-continue\r\n"))
    far.recv(65536)
    far.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
    for _ in range(count // 64):
        far.sendall(answer(FULFILL) * 64)
    near.shutdown(socket.SHUT_RDWR)
    # As requests too: replies of the asynchronous mode without a Prepare.
    bed.close(near, far)
    near, far = bed.pair()
    for n in range(count // 64):
        near.sendall(b"".join(request(n, FULFILL, extra=b"Request-Id: unasked-%d-%d\r\n" % (n, k)) for k in range(64)))
    bed.close(near, far)


def binary(bed, count, rng, _):
    def make(n, near, far):
        near.sendall(b"POST " + rng.randbytes(rng.randint(1, 3000)))
        far.sendall(b"HTTP/1.1 " + rng.randbytes(rng.randint(1, 3000)))

    each_on_few(bed, count, make, 2)


def half_open(bed, count, rng, _):
    for _ in range(count):
        near, far = bed.pair()
        whole = request(1, prepare(1))
        near.sendall(whole[:rng.randint(1, len(whole))])
        if rng.random() < 0.5:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            near.shutdown(socket.SHUT_WR)
        bed.close(near, far)


def wait_for(variable):
    while not os.path.exists(os.environ.get(variable, "/")):
        time.sleep(0.02)


def hold(what):
    print(what, flush=True)
    wait_for("RELEASE")


def connections(bed, count, rng, _):
    """COUNT connections open at once, each with a Prepare never answered or a head that never ends."""
    held = []
    for n in range(count):
        near, far = bed.pair(read=False)
        near.sendall(request(n, prepare(n)) if n % 2 else b"POST / HTTP/1.1\r\nHost: slow\r\nX: ")
        held.append((near, far))
    hold(f"{count} connections held")
    for near, far in held:
        near.close()
        far.close()


def tls(bed, count, rng, files):
    """COUNT TLS sessions open at once, in memory instead of sockets, each with a Prepare."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(files[0], files[1])
    server.num_tickets = 0
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    print("ready", flush=True)
    wait_for("GO")
    held = []
    for n in range(count):
        a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
        near = client.wrap_bio(a, b)
        far = server.wrap_bio(b, a, server_side=True)
        waiting = [near, far]
        while waiting:
            for end in list(waiting):
                try:
                    end.do_handshake()
                    waiting.remove(end)
                except ssl.SSLWantReadError:
                    pass
        near.write(request(n, prepare(n)))
        far.read(1 << 14)
        held.append((near, far))
    hold(f"{count} sessions held")


ATTACKS = {f.__name__.replace("_", "-"): f for f in (
    malformed_http, malformed_ilp, malformed_tls, endless_heads, endless_chunks, endpoints, unasked, binary,
    half_open, connections, tls)}

if __name__ == "__main__":
    attack, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    ATTACKS[attack](Bed(), count, random.Random(seed), sys.argv[4:])
    print(f"{attack}: done", flush=True)
