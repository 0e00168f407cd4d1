#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hostile_half SOCKET: a daemon half that somebody has taken over, at the probe half's socket.

It says everything that it may say, too often and with values of its own, and what it may not say.
Each attack has a connection of its own; the probe half may end the connection, and has to welcome
the next one.
"""
import array
import os
import random
import re
import socket
import struct
import sys
import time

ROOT = os.path.dirname(os.path.abspath(__file__)) + "/../.."


def number_of(name, header):
    return int(re.search(rf"#define {name}\s+(\d+)", open(f"{ROOT}/{header}").read())[1])


VERSION = number_of("WIRE_VERSION", "user/halves/wire.h")
RECORD_VERSION = number_of("RECORD_VERSION", "bpf/record.h")
TARGETS_MAX = number_of("CONFIG_TARGETS_MAX", "user/config/target.h")
HELLO, LEAVING, GONE, ASK, WELCOME = 1, 2, 3, 4, 5
ANSWER, BYE = 9, 13
PATIENCE_S = 180  # long enough for a busy machine


def message(kind, body=b"", version=VERSION, length=None):
    return struct.pack("=HHI", version, kind, len(body) + 8 if length is None else length) + body


def hello(resumes=0, session=bytes(16)):
    return message(HELLO, session + struct.pack("=II", RECORD_VERSION, resumes))


def ask(number, target=0, role=0, pid=0, family=4, port=443, at=2**64 - 1):
    remote = struct.pack("=16sHHB3x", b"\x7f\0\0\1", port, 40000, family)
    return message(ASK, struct.pack("=QQ", number, at) + remote + struct.pack("=IIII", target, role, pid, 0))


def connect(path):
    """A connection that was welcomed: one daemon half at a time, so the last one's end is waited for."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(5)
        try:
            s.connect(path)
            s.send(hello())
            data, ancillary, _, _ = s.recvmsg(4096, 1024)
            if len(data) > 8 and struct.unpack("=HHI", data[:8])[1] == WELCOME:
                fds = array.array("i")
                for _, _, more in ancillary:
                    fds.frombytes(more[:len(more) // 4 * 4])
                for fd in fds:
                    os.close(fd)
                s.settimeout(PATIENCE_S)
                return s
        except OSError:
            pass
        s.close()
        if time.monotonic() > deadline:
            sys.exit("the probe half does not welcome a daemon half any more")
        time.sleep(0.05)


def send(s, data, fds=()):
    """False: the probe half has had enough."""
    try:
        s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
        return True
    except (BrokenPipeError, ConnectionResetError, TimeoutError):
        return False


def answers(s, wanted):
    """How many answers come, of at most WANTED."""
    seen = 0
    try:
        while seen < wanted:
            data = s.recv(4096)
            if not data:
                break
            seen += struct.unpack("=HHI", data[:8])[1] == ANSWER
    except OSError:
        pass
    return seen


def refused(path, data, fds=()):
    """The probe half ends the connection."""
    s = connect(path)
    send(s, data, fds)
    try:
        while s.recv(4096):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        sys.exit(f"still connected after {data[:24]!r}")
    s.close()


def garbage(path):
    chosen = random.Random(7)
    for _ in range(200):
        s = connect(path)
        for _ in range(chosen.randrange(1, 20)):
            body = chosen.randbytes(chosen.randrange(0, 700))
            kind = chosen.choice([HELLO, LEAVING, GONE, ASK, WELCOME, chosen.randrange(65536)])
            if not send(s, chosen.choice([body or b"x", message(kind, body), message(kind, body, length=64)])):
                break
        s.close()


def impossible(path):
    refused(path, hello())  # a second time
    refused(path, ask(1, target=TARGETS_MAX))
    refused(path, ask(1, target=2**32 - 1))
    refused(path, ask(1, role=3))
    refused(path, ask(1, family=7))
    refused(path, message(ASK, b"/etc/shadow"))
    refused(path, message(WELCOME, bytes(56)))
    refused(path, message(LEAVING, version=9))
    refused(path, b"\0" * 60000)
    refused(path, ask(1), [0] * 20)


def strange_rings(path):
    """It says that it has the ring of a probe half before: of one that never was. It is sent away."""
    for session in (bytes(16), b"\xff" * 16):
        s = connect(path)
        s.close()
        for resumes in (1, 2, 2**32 - 1):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.settimeout(PATIENCE_S)
            s.connect(path)
            send(s, hello(resumes, session))
            try:
                data, ancillary, _, _ = s.recvmsg(4096, 1024)
                assert not ancillary and (not data or struct.unpack("=HHI", data[:8])[1] == BYE), data
            except ConnectionResetError:
                pass
            s.close()


def flood(path):
    """More questions than there is time for; the answers are not read."""
    s = connect(path)
    s.setblocking(False)
    for i in range(200000):
        try:
            s.send(ask(i + 1))
        except BlockingIOError:
            time.sleep(0.0005)
        except OSError:
            break
    s.close()


def others_processes(path):
    """The name of a process that is in no target is not told, nor does any question end the half."""
    s = connect(path)
    for pid in (1, os.getpid(), 2**31 - 1):
        send(s, ask(pid, pid=pid))
        while True:
            data = s.recv(4096)
            kind = struct.unpack("=HHI", data[:8])[1]
            if kind == ANSWER:
                number, _, _, _, _, program = struct.unpack("=QIIII32s", data[8:])
                if number == pid:
                    assert program == bytes(32), program
                    break
    s.close()


def legacies(path):
    """What it leaves to the next one: the probe half keeps it, and does not look into it."""
    for size in (0, 1, 4096, 1 << 30):
        s = connect(path)
        fd = os.memfd_create("legacy")
        os.ftruncate(fd, size)
        for _ in range(50):
            send(s, message(LEAVING))
            send(s, message(GONE), [fd])
        os.close(fd)
        s.close()
    s = connect(path)
    send(s, message(GONE), [os.open("/dev/zero", os.O_RDONLY)])
    send(s, message(GONE), [os.open("/", os.O_RDONLY)])
    s.close()


def main():
    path = sys.argv[1]
    for attack in (garbage, impossible, others_processes, legacies, strange_rings, flood):
        attack(path)
        print(attack.__name__, flush=True)
    connect(path).close()


main()
