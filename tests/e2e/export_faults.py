# SPDX-License-Identifier: Apache-2.0
"""Cases of export_cases.py: faults of every kind between exporter and collector, and exports with extreme values."""
import contextlib
import itertools
import os
import socket
import tempfile
import threading
import time

import grpc

from export_bed import PATIENCE_S, Authority, Exporter, Raw, Server, Wire, at_least, metrics, raw_export, until

RETRIED = {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}


def each_status_code():
    """Every gRPC code, each from a server of its own, four servers at a time."""
    codes = [c for c in grpc.StatusCode if c is not grpc.StatusCode.OK]
    assert len(codes) == 16
    for four in (codes[i:i + 4] for i in range(0, 16, 4)):
        servers = [Server((code, "because")) for code in four]
        with Exporter(*(f"authority={s.authority}" for s in servers)) as x:
            x.post(1)
            for i, code in enumerate(four):
                if code.name in RETRIED:
                    x.until_status(i, exports=1, retries=1, failures=0, last_code=0)
                else:
                    status = x.until_status(i, exports=0, retries=0, failures=1,
                                            last_code=code.value[0])
                    assert status["last_error"].startswith(f"{code.name}: because"), status
            x.post(2)
            for i, code in enumerate(four):
                x.until_status(i, exports=2 if code.name in RETRIED else 1)
            x.stop()
        for server, code in zip(servers, four):
            assert server.values() == ([1, 1, 2] if code.name in RETRIED else [1, 2]), code


def slow():
    """Slower than usual is no failure; slower than the deadline is one, and nothing is lost."""
    def late(request, context):
        if len(seen) == 0:
            time.sleep(0.4)
        elif len(seen) == 1:
            given_up.wait(PATIENCE_S)
        seen.append(request)
        return b""

    seen, given_up = [], threading.Event()
    server, authority = raw_export(late)
    with Exporter(f"authority={authority},timeout=20000") as x:
        x.post(1)
        status = x.until_status(exports=1, failures=0, retries=0, timed=1)
        assert status["latency_ns"] > 0.4e9, status
        x.stop()
    with Exporter(f"authority={authority},timeout=5000") as x:
        x.post(2)
        x.until_status(consecutive_failures=1, last_code=4,
                       last_error="connected, but no answer within the timeout")
        given_up.set()
        x.until_status(exports=1, retries=1, failures=0, last_code=0)
        x.stop()
    server.stop(0)


def half_closed():
    server = Server()
    wire = Wire(server.port)
    with Exporter(f"authority={wire.authority},timeout=2000") as x:
        for n, cut in enumerate((wire.half_close, wire.reset, wire.half_close, wire.reset)):
            x.post(n + 1)
            x.until_status(exports=n + 1, failures=0)
            cut()
        x.post(5)
        x.until_status(exports=5, failures=0)
        x.stop()
    assert server.values()[-1] == 5, server.values()
    assert sorted(set(server.values())) == [1, 2, 3, 4, 5], server.values()
    # A server that reads the whole request and then closes without an answer.
    def deaf(client):
        client.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            while client.recv(65536):
                pass
        client.shutdown(socket.SHUT_WR)
        client.settimeout(5)
        client.recv(65536)
    raw = Raw(deaf)
    with Exporter(f"authority={raw.authority},timeout=2000") as x:
        x.post(1)
        status = until("a failure", lambda: x.status()["consecutive_failures"] and x.status())
        assert status["failures"] == 0 and status["exports"] == 0, status
        raw.stop()
        server = Server(port=raw.port)
        x.until_status(exports=1, failures=0)
        x.stop()


def garbage():
    """Whatever the far end says instead of HTTP/2: words, no loss, no crash; a real one takes over."""
    says = [b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", b"\0" * 4096, os.urandom(65536),
            b"\x16\x03\x01\x02\x00", b"", b"\0\0\4\7\0\0\0\0\0\0\0\0\1" * 50,
            # settings, then a frame longer than was agreed
            b"\0\0\0\4\0\0\0\0\0" + b"\xff\xff\xff\0\0\0\0\0\1" + b"x" * 70000]
    raws = []
    for text in says:
        raws.append(Raw(lambda client, text=text: (client.sendall(text), client.recv(65536))))
    for some in (raws[:4], raws[4:]):
        with Exporter(*(f"authority={r.authority},timeout=1000" for r in some)) as x:
            x.post(1)
            for i in range(len(some)):
                status = until("a failure",
                               lambda: x.status(i)["consecutive_failures"] and x.status(i))
                assert status["exports"] == 0 and status["last_error"], status
            some[0].stop()
            server = Server(port=some[0].port)
            x.post(2)
            x.until_status(0, exports=2, failures=0, last_error="")
            x.stop(300)
            # A real one that is slower than the timeout gets the same once more.
            assert [n for n, _ in itertools.groupby(server.values())] == [1, 2], server.values()


def garbage_inside():
    """A correct gRPC reply whose message is not OTLP: the export still counts as acknowledged."""
    def answer(request, context):
        if len(texts) == 1:
            context.set_trailing_metadata((("grpc-status-details-bin", os.urandom(200)),))
            context.abort(grpc.StatusCode.UNAVAILABLE, "with rubbish")
        return texts.pop(0)

    texts = [b"\xff" * 9, b"\x0a\xff\xff\xff\x0f", os.urandom(100), b""]
    server, authority = raw_export(answer)
    with Exporter(f"authority={authority}") as x:
        for n in (1, 2, 3):
            x.post(n)
            x.until_status(exports=n, failures=0, retries=0)
        x.post(4)
        x.until_status(consecutive_failures=at_least(1), last_error="UNAVAILABLE: with rubbish")
        texts.append(b"")
        x.until_status(exports=4, failures=0)
        x.stop()
    server.stop(0)


def too_large_a_trailer():
    def answer(request, context):
        if not seen:
            context.set_trailing_metadata(tuple((f"x-{i}", "y" * 4000) for i in range(30)))
        seen.append(1)
        return b""

    seen = []
    server, authority = raw_export(answer)
    with Exporter(f"authority={authority}") as x:
        x.post(1)
        x.until_status(failures=1, retries=0, last_code=8)
        x.post(2)
        x.until_status(exports=1, failures=1)
        x.stop()
    server.stop(0)


def rotated():
    """New certificates on both sides, one file after the other: no export fails."""
    with Authority() as old, Authority() as new, tempfile.TemporaryDirectory() as d:
        def put(name, source, half=False):
            text = open(source, "rb").read()
            with open(f"{d}/{name}.new", "wb") as f:
                f.write(text[:len(text) // 2] if half else text)
            os.rename(f"{d}/{name}.new", f"{d}/{name}")

        def put_all(authority):
            key, cert = authority.sign("client")
            put("ca", authority.ca)
            put("key", key)
            put("cert", cert)

        put_all(old)
        first = Server(credentials=old.server_credentials(True), host="localhost")
        with Exporter(f"authority={first.authority},tls,ca={d}/ca,cert={d}/cert,key={d}/key") as x:
            x.post(1)
            x.until_status(exports=1)
            # Half of a rotation is not used.
            _, cert = new.sign("client")
            put("cert", cert)
            x.post(2)
            x.until_status(exports=2, failures=0, consecutive_failures=0)
            put("cert", cert, half=True)
            x.post(3)
            x.until_status(exports=3, failures=0, consecutive_failures=0)
            assert x.said().count("not used yet") == 1, x.said()
            assert "does not belong to the certificate in" in x.said(), x.said()
            first.stop()
            put_all(new)
            second = Server(port=first.port, credentials=new.server_credentials(True),
                            host="localhost")
            x.post(4)
            x.until_status(exports=4, failures=0, consecutive_failures=0)
            assert "have been read again" in x.said(), x.said()
            x.stop()
            assert "PRIVATE" not in x.said()
        assert first.values() == [1, 2, 3] and second.values() == [4]


def a_ca_file_that_cannot_serve():
    """The file read before stays in use, whatever is at the path; the next good file is used."""
    with Authority() as ours, Authority() as theirs:
        server = Server(credentials=ours.server_credentials(False), host="localhost")
        key, _ = ours.sign("client")
        path = ours.path("used.pem")
        damaged = open(theirs.ca).read().replace("M", "A")

        def put(text):
            with open(path + ".new", "w") as f:
                f.write(text)
            os.rename(path + ".new", path)

        put(open(ours.ca).read())
        with Exporter(f"authority={server.authority},tls,ca={path}") as x:
            x.post(1)
            x.until_status(exports=1)
            for n, text in enumerate(("", open(key).read(), damaged, open(ours.ca).read() + damaged)):
                put(text)
                x.post(n + 2)
                x.until_status(exports=n + 2, consecutive_failures=0)
            os.remove(path)
            x.post(6)
            x.until_status(exports=6, consecutive_failures=0)
            os.mkdir(path)
            x.post(7)
            x.until_status(exports=7, consecutive_failures=0)
            assert x.said().count("not used yet") == 1 and "read again" not in x.said(), x.said()
            # A valid file of another authority is used, because the operator asked for it.
            os.rmdir(path)
            put(open(theirs.ca).read())
            x.post(8)
            status = until("a failure", lambda: x.status()["consecutive_failures"] and x.status())
            assert "certificate" in status["last_error"].lower(), status
            # A repaired file is used at the next export, without waiting for the back-off.
            put(open(ours.ca).read())
            x.post(9)
            x.until_status(exports=8, failures=0, consecutive_failures=0)
            assert x.said().count("read again") == 2, x.said()
            x.stop()
        assert server.values()[-1] == 9, server.values()


def rotated_while_asked_to_wait():
    """New certificates do not shorten a pause that the collector asked for."""
    with Authority() as ours:
        asks = Server((grpc.StatusCode.UNAVAILABLE, "later", 3000), host="localhost",
                      credentials=ours.server_credentials(False))
        other = Server()
        with Exporter(f"authority={asks.authority},tls,ca={ours.ca}",
                      f"authority={other.authority}") as x:
            x.post(1)
            x.until_status(consecutive_failures=1)
            os.utime(ours.ca)
            for n in (2, 3):
                x.post(n)
                x.until_status(1, exports=n)
            # What the other has exported does not say that this one has looked yet.
            until("the new certificates to be read", lambda: "read again" in x.said())
            assert x.status()["retries"] == 0, x.status()
            x.stop()


# --- what is in an export, read with the official definitions -------------------------------------

U64 = 2 ** 64 - 1


def edges():
    server, plain = Server(), Server()
    with Exporter(f"authority={server.authority},own,exponential,gzip",
                  f"authority={plain.authority},own") as x:
        x.say("edges 42")
        x.until_status(0, exports=1)
        x.until_status(1, exports=1)
        packed, whole = x.status(0), x.status(1)
        x.stop()
    check_edges(metrics(server.calls[0][0]), exponential=True)
    check_edges(metrics(plain.calls[0][0]), exponential=False)
    # The bytes counted as sent are those that were sent.
    assert whole["bytes"] == plain.calls[0][0].ByteSize(), whole
    assert 0 < packed["bytes"] < server.calls[0][0].ByteSize() / 2, packed
    # It contains no field that the definitions do not have.
    for request in (server.calls[0][0], plain.calls[0][0]):
        size = request.ByteSize()
        request.DiscardUnknownFields()
        assert request.ByteSize() == size


def check_edges(found, exponential):
    def attributes(point):
        return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in point.attributes}

    for metric in found.values():
        assert metric.unit == ""
        data = getattr(metric, metric.WhichOneof("data"))
        if metric.WhichOneof("data") != "gauge":
            assert data.aggregation_temporality == 2, metric.name
        for point in data.data_points:
            assert point.time_unix_nano == 1700000000000000042
            assert attributes(point)["source"] == '? node "a" \u20ac', attributes(point)
            gauge = metric.WhichOneof("data") == "gauge"
            assert point.start_time_unix_nano == (0 if gauge else 1700000000000000000)
    value = {name: found[name].sum.data_points[0].as_int for name in
             ("transactions_total", "packet_count_prepare", "packet_count_fulfill")}
    assert value == {"transactions_total": 2 ** 63 - 1, "packet_count_prepare": 42,
                     "packet_count_fulfill": 0}, value
    (zero,) = found["packet_count_fulfill"].sum.data_points
    assert zero.WhichOneof("value") == "as_int", "a zero must be said"
    (pay,) = found["pay_time_ms"].histogram.data_points
    assert not pay.HasField("sum") and pay.count == 0
    exports = {attributes(p).get("endpoint", attributes(p).get("otel.metric.overflow")): p.as_int
               for p in found["telltale_exports_total"].sum.data_points}
    assert exports == {"": 5, True: 7}, exports
    ages = [p.as_int for p in found["telltale_rates_age_seconds"].gauge.data_points]
    assert ages == [-1, -2 ** 63], ages

    kind = "exponential_histogram" if exponential else "histogram"
    assert found["telltale_exchange_ms"].WhichOneof("data") == kind
    none, some, full = getattr(found["telltale_exchange_ms"], kind).data_points
    assert (none.count, some.count, full.count) == (0, 4, U64)
    assert none.HasField("sum") and none.sum == 0 and some.sum == 20007
    if exponential:
        assert none.scale == 20 and not none.positive.bucket_counts
        assert some.zero_count == 1 and sum(some.positive.bucket_counts) == 3
        base = 2 ** (2 ** -some.scale)
        held = [some.positive.offset + i for i, n in enumerate(some.positive.bucket_counts)
                for _ in range(n)]
        for ms, i in zip((3, 4, 20000), held):
            assert base ** i < ms * (1 + 1e-9) and ms <= base ** (i + 1) * (1 + 1e-9), (ms, i)
        assert full.scale == -10 and full.positive.offset == -2 ** 31
        assert len(full.positive.bucket_counts) == 160 and full.positive.bucket_counts[-1] == U64
    else:
        assert [i for i, n in enumerate(some.bucket_counts) if n] == [0, 1, 15], some
        assert full.bucket_counts[15] == U64
        assert list(some.explicit_bounds)[-1] == 10000


def empty():
    server = Server()
    with Exporter(f"authority={server.authority}") as x:
        x.say("empty")
        x.until_status(exports=1, failures=0)
        x.post(3)
        x.until_status(exports=2)
        x.stop()
    (resource,) = server.calls[0][0].resource_metrics
    assert not resource.scope_metrics[0].metrics
    assert server.calls[1][0].resource_metrics[0].scope_metrics[0].metrics
