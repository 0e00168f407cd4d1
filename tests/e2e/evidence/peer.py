# SPDX-License-Identifier: Apache-2.0
"""Peers that speak ILP over HTTP/1.1 with right fulfillments, and odd ways of asking.

peer.py receive FILE [GATE]  rejects a Prepare of 100 and fulfills others, in order; answers nothing before the
                             file GATE is there; anything but POST is answered with 2 bytes. FILE: its port.
peer.py forward FILE PORT    passes what is posted to it, or comes in a WebSocket, on to PORT, all on one connection.
peer.py pay PORT COUNT WAY [FILE]
                             pays COUNT times; prints how many were fulfilled and how many rejected. WAY:
  plain                      on one connection
  syn                        each on a connection of its own, the request in the SYN
  urgent                     on one connection, an urgent byte before each request
  behind                     all at once behind a GET, in turn rejected and fulfilled; then makes FILE
  amid                       the same; 3, then makes FILE.asked and waits for FILE.go, then 5, then makes FILE,
                             then one after the other
  halting                    one on one connection, then makes FILE, waits for FILE.go, and goes on
  together                   on one connection, a GET before each request in the same segment
  websocket                  in one WebSocket: opens it, makes FILE and waits for FILE.go before it pays
peer.py hold PORT COUNT      opens COUNT connections, says "POST " on each, prints "open", and waits
peer.py say PORT HEX         says these bytes; prints "said" and waits, unless the other end closes
With $CERT (and $KEY) set who receives or forwards, and with $CA set who pays or holds, does so over TLS. Who pays waits for the file $GO
first, if that is set. With $MPTCP set to an address it is the receiver's, and connections to it use MPTCP.
"""
import asyncio
import datetime
import hashlib
import os
import resource
import socket
import ssl
import struct
import sys
import time


def sized(data):
    if len(data) < 128:
        return bytes([len(data)]) + data
    size = len(data).to_bytes((len(data).bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(size)]) + size + data


def unsized(packet, at):
    """Where the bytes begin whose length is at AT, and where they end."""
    size, at = packet[at], at + 1
    if size & 0x80:
        size, at = int.from_bytes(packet[at : at + (size & 0x7F)], "big"), at + (size & 0x7F)
    return at, at + size


def prepare(amount):
    """The data begins with the preimage, so that any peer here can fulfill it."""
    preimage = os.urandom(32)
    expiry = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=30)
    head = struct.pack(">Q", amount) + expiry.strftime("%Y%m%d%H%M%S000").encode()
    return b"\x0c" + sized(
        head + hashlib.sha256(preimage).digest() + sized(b"test.bob." + b"x" * 40) + sized(preimage + b"d" * 50)
    )


def answer(packet):
    at, _ = unsized(packet, 1)
    amount = struct.unpack(">Q", packet[at : at + 8])[0]
    if amount == 100:
        return b"\x0e" + sized(b"F99" + sized(b"test.bob") + sized(b"no") + sized(b""))
    _, at = unsized(packet, at + 8 + 17 + 32)
    at, _ = unsized(packet, at)
    return b"\x0d" + sized(packet[at : at + 32] + sized(b"f" * 20))


def message(first, body, kind="application/octet-stream"):
    return f"{first}\r\nHost: peer\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def request(amount):
    return message("POST / HTTP/1.1", prepare(amount))


async def read(stream):
    """The next message: its first line and its body; None at the end."""
    try:
        head = (await stream.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        length = [line for line in head if line.lower().startswith("content-length:")]
        return head[0], await stream.readexactly(int(length[0].split(":")[1]) if length else 0)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def listen(file, serve):
    async def accepted(reader, writer):
        try:
            await serve(reader, writer)
        except (ConnectionError, ValueError, asyncio.LimitOverrunError):
            pass
        writer.close()

    tls = None
    if "CERT" in os.environ:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
    sock = stream_socket()
    sock.bind((HOST, 0))
    server = await asyncio.start_server(accepted, sock=sock, backlog=4096, ssl=tls)
    with open(file + ".new", "w", encoding="ascii") as out:
        print(server.sockets[0].getsockname()[1], file=out)
    os.rename(file + ".new", file)
    await server.serve_forever()


HOST = os.environ.get("MPTCP", "127.0.0.1")


def stream_socket():
    return socket.socket(proto=262 if "MPTCP" in os.environ else 0)  # IPPROTO_MPTCP


def make(path):
    with open(path, "w", encoding="ascii"):
        pass


async def wait_for(path):
    while not os.path.exists(path):
        await asyncio.sleep(0.02)


async def receive(file, gate=None):
    async def serve(reader, writer):
        while got := await read(reader):
            if gate:
                await wait_for(gate)
            if got[0].startswith("POST"):
                writer.write(message("HTTP/1.1 200 OK", answer(got[1])))
            else:
                writer.write(message("HTTP/1.1 200 OK", b"hi", "text/plain"))

    await listen(file, serve)


UPGRADE = b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
RESPONSE, MESSAGE = 1, 6


def framed(kind, number, packet, key=b""):
    """A packet in a message of BTP (RFC 23), in a frame of a WebSocket, masked by who has a KEY."""
    carried = b"\1\1" + sized(b"ilp") + b"\0" + sized(packet)
    body = bytes([kind]) + struct.pack(">I", number) + sized(carried)
    masked = bytes(byte ^ key[i % 4] for i, byte in enumerate(body)) if key else body
    size = struct.pack(">BH", 126, len(body)) if len(body) > 125 else bytes([len(body)])
    return b"\x82" + bytes([size[0] | (0x80 if key else 0)]) + size[1:] + key + masked


async def unframed(stream):
    """The number and the packet of the next such message; None at the end."""
    try:
        _, size = await stream.readexactly(2)
        masked, size = size & 0x80, size & 0x7F
        if size == 126:
            size = int.from_bytes(await stream.readexactly(2), "big")
        key = await stream.readexactly(4) if masked else bytes(4)
        body = bytes(byte ^ key[i % 4] for i, byte in enumerate(await stream.readexactly(size)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    begin, end = unsized(body, unsized(body, 5)[0] + 2 + 4 + 1)
    return int.from_bytes(body[1:5], "big"), body[begin:end]


async def forward(file, port):
    ahead, out = await asyncio.open_connection("127.0.0.1", int(port))
    turn = asyncio.Lock()

    async def pass_on(packet):
        async with turn:
            out.write(message("POST / HTTP/1.1", packet))
            return (await read(ahead))[1]

    async def serve(reader, writer):
        while got := await read(reader):
            if got[0].startswith("GET /btp"):
                writer.write(b"HTTP/1.1 101 Switching Protocols" + UPGRADE)
                while got := await unframed(reader):
                    writer.write(framed(RESPONSE, got[0], await pass_on(got[1])))
                break
            if not got[0].startswith("POST"):
                break
            writer.write(message("HTTP/1.1 200 OK", await pass_on(got[1])))

    await listen(file, serve)


GET = b"GET /health HTTP/1.1\r\nHost: peer\r\n\r\n"


class Payer:
    def __init__(self, reader, writer):
        self.reader, self.writer, self.counts = reader, writer, {13: 0, 14: 0}

    async def take(self):
        _, body = await read(self.reader)
        if body[0] in self.counts:
            self.counts[body[0]] += 1

    def ask(self, i):
        self.writer.write(request(1000 if i % 2 else 100))

    async def plain(self, count):
        for _ in range(count):
            self.ask(1)
            await self.take()

    async def urgent(self, count):
        # The transport lends its socket for nothing that writes.
        with socket.socket(fileno=os.dup(self.writer.get_extra_info("socket").fileno())) as raw:
            for _ in range(count):
                raw.send(b"!", socket.MSG_OOB)
                await self.plain(1)

    async def together(self, count):
        for _ in range(count):
            self.writer.write(GET + request(1000))
            await self.take()
            await self.take()

    async def halting(self, count, file):
        await self.plain(1)
        make(file)
        await wait_for(file + ".go")
        await self.plain(count - 1)

    async def websocket(self, count, file):
        self.writer.write(b"GET /btp HTTP/1.1\r\nHost: peer" + UPGRADE)
        await read(self.reader)
        make(file)
        await wait_for(file + ".go")
        for i in range(count):
            self.writer.write(framed(MESSAGE, i, prepare(1000), os.urandom(4)))
            self.counts[(await unframed(self.reader))[1][0]] += 1

    async def behind(self, count, file):
        self.writer.write(GET)
        for i in range(count):
            await asyncio.sleep(0.01)  # a segment each
            self.ask(i)
        make(file)
        for _ in range(count + 1):
            await self.take()

    async def amid(self, count, file):
        for i in range(3):
            self.ask(i)
        make(file + ".asked")
        await wait_for(file + ".go")
        for i in range(3, 8):
            await asyncio.sleep(0.01)
            self.ask(i)
        make(file)
        for _ in range(8):
            await self.take()
        for i in range(8, count):
            self.ask(i)
            await self.take()


def in_the_syn(port):
    with socket.socket() as s:
        s.sendto(request(1000), socket.MSG_FASTOPEN, ("127.0.0.1", int(port)))
        got = b""
        while (size := got.partition(b"\r\n\r\n")[2]) == b"" or size[1] + 2 > len(size):
            got += s.recv(4096)
        return size[0] == 13


async def pay(port, count, way, *more):
    if way == "syn":
        print(sum(in_the_syn(port) for _ in range(int(count))), 0)
        return
    if "GO" in os.environ:
        await wait_for(os.environ["GO"])
    tls = ssl.create_default_context(cafile=os.environ["CA"]) if "CA" in os.environ else None
    sock = stream_socket()
    sock.connect((HOST, int(port)))
    name = {"server_hostname": HOST} if tls else {}
    payer = Payer(*await asyncio.open_connection(sock=sock, ssl=tls, **name))
    await getattr(payer, way)(int(count), *more)
    payer.writer.close()
    print(payer.counts[13], payer.counts[14])


def hold(port, count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
    tls = ssl.create_default_context(cafile=os.environ["CA"]) if "CA" in os.environ else None
    held = []
    for i in range(int(count)):
        s = socket.socket()
        s.bind((f"127.0.0.{2 + i % 8}", 0))
        s.connect(("127.0.0.1", int(port)))
        if tls:
            s = tls.wrap_socket(s, server_hostname="127.0.0.1")
        s.send(b"POST ")
        held.append(s)
    print("open", flush=True)
    time.sleep(3600)


def say(port, words):
    with socket.create_connection(("127.0.0.1", int(port))) as s:
        s.sendall(bytes.fromhex(words))
        print("said", flush=True)
        while s.recv(4096):
            pass


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
    result = globals()[sys.argv[1]](*sys.argv[2:])
    if asyncio.iscoroutine(result):
        asyncio.run(result)
