# SPDX-License-Identifier: Apache-2.0
"""export_cases.py CASE - the export stage against a scripted OTLP/gRPC server.

Each case starts servers, runs build/tests/exporter against them and asserts what arrived and what
the exporter says of it. Nothing here asserts a time: waits poll with a deadline and only fail.
"""
import contextlib
import os
import shutil
import socket
import sys
import threading
import time

import grpc

import export_faults
from export_bed import (OK, PATIENCE_S, Authority, Exporter, Raw, Server, Wire, at_least, attempt,
                        black_hole, metrics, until)

# --- the cases ------------------------------------------------------------------------------------


def arrives():
    server = Server()
    with Exporter(f"authority={server.authority},header=Authorization:Bearer s3cret") as x:
        x.post(7)
        x.until_status(exports=1, failures=0, retries=0, last_error="")
        assert x.status()["last_success"] > 0
        x.stop()
        assert "s3cret" not in x.said()
    (request, metadata, _), = server.calls
    assert metadata["user-agent"].startswith("OTel-OTLP-Exporter-C/0."), metadata
    assert metadata["authorization"] == "Bearer s3cret", metadata

    resource = request.resource_metrics[0].resource
    keys = [a.key for a in resource.attributes]
    assert len(keys) == len(set(keys)), keys
    assert {a.key: a.value.string_value for a in resource.attributes} == {
        "service.name": "telltale",
        "service.instance.id": "chosen-by-operator",
        "telltale.network": "testnet",
        "telltale.privacy.mechanism": "bucket-laplace",
        "deployment.environment": "test",
    }
    scope = request.resource_metrics[0].scope_metrics[0].scope
    assert scope.name == "telltale" and scope.version, scope

    found = metrics(request)
    assert set(found) == {"transactions_total", "pay_time_ms"}, set(found)
    total = found["transactions_total"]
    assert total.unit == "" and total.description
    assert total.sum.is_monotonic and total.sum.aggregation_temporality == 2
    (point,) = total.sum.data_points
    assert point.WhichOneof("value") == "as_int" and point.as_int == 7
    assert point.start_time_unix_nano == 1700000000000000000
    assert point.time_unix_nano == 1700000000000000007
    assert [(a.key, a.value.string_value) for a in point.attributes] == [("source", "node-a")]
    histogram = found["pay_time_ms"].histogram
    assert histogram.aggregation_temporality == 2
    (point,) = histogram.data_points
    assert point.HasField("sum") and point.sum == 0 and point.count == 0
    assert len(point.explicit_bounds) == 15 and list(point.bucket_counts) == [0] * 16


def own_gets_all():
    server = Server()
    with Exporter(f"authority={server.authority},own") as x:
        x.post(7)
        x.until_status(exports=1)
        x.stop()
    found = metrics(server.calls[0][0])
    assert "telltale_rejects_total" in found, set(found)
    (point,) = found["telltale_rejects_total"].sum.data_points
    assert {a.key: a.value.string_value for a in point.attributes} == {
        "source": "node-a", "code": "F08"}


def retry_sends_newest():
    posted = threading.Event()
    server = Server(OK, ("HELD", posted, (grpc.StatusCode.UNAVAILABLE, "restarting")))
    with Exporter(f"authority={server.authority}") as x:
        x.post(1)
        x.until_status(exports=1)
        x.post(2)
        until("the second export", lambda: len(server.calls) == 2)
        x.post(3)
        x.post(4)
        x.status()  # both are with the exporter
        posted.set()
        x.until_status(exports=2, retries=1, failures=0, consecutive_failures=0, last_error="")
        x.stop()
        assert x.said().count("UNAVAILABLE: restarting; trying again") == 1, x.said()
    assert server.values() == [1, 2, 4], server.values()


def the_first_goes_first():
    """A daemon starts while its collector is away: the collector gets zeros first, then the newest figures."""
    posted = threading.Event()
    server = Server(("HELD", posted, (grpc.StatusCode.UNAVAILABLE, "not yet")))
    with Exporter(f"authority={server.authority}") as x:
        x.post(0)
        until("the first export", lambda: server.calls)
        x.post(5)
        x.post(7)
        x.status()  # both are with the exporter
        posted.set()
        x.until_status(exports=2, retries=1, failures=0)
        x.stop()
    assert server.values() == [0, 0, 7], server.values()
    # A snapshot that was refused for good is not sent again.
    server = Server((grpc.StatusCode.INVALID_ARGUMENT, "too old"))
    with Exporter(f"authority={server.authority}") as x:
        x.post(0)
        x.until_status(failures=1)
        x.post(5)
        x.until_status(exports=1)
        x.stop()
    assert server.values() == [0, 5], server.values()


def refusal_is_final():
    server = Server((grpc.StatusCode.INVALID_ARGUMENT, "no\nthanks"))
    with Exporter(f"authority={server.authority}") as x:
        x.post(1)
        x.until_status(failures=1, last_error="INVALID_ARGUMENT: no thanks")
        x.post(2)
        x.until_status(exports=1, failures=1, retries=0)
        x.stop()
        assert x.said().count("INVALID_ARGUMENT") == 1, x.said()
    assert server.values() == [1, 2], server.values()


def a_secret_is_not_repeated():
    """Collectors repeat in their message what they were sent. What telltale reports of it, cut or whole, does not."""
    refusal = "no such key: s3cret-of-ours (you sent Bearer s3cret-of-ours)"
    looked = threading.Event()
    server = Server((grpc.StatusCode.UNAUTHENTICATED, refusal),
                    (grpc.StatusCode.UNAVAILABLE, "x" * 235 + "s3cret-of-ours"),
                    ("HELD", looked, ("PARTIAL", 1, refusal)))
    with Exporter(f"authority={server.authority},header=Authorization:Bearer s3cret-of-ours") as x:
        x.post(1)
        x.until_status(failures=1,
                       last_error="UNAUTHENTICATED: no such key: *** (you sent ***)")
        x.post(2)
        status = x.until_status(consecutive_failures=2)
        assert status["last_error"].endswith("x***"), status
        looked.set()
        x.until_status(exports=1)
        x.stop()
        assert "s3c" not in x.said() and "no such key: ***" in x.said(), x.said()
    done = attempt(f"authority={Server((grpc.StatusCode.UNAUTHENTICATED, refusal)).authority}"
                   ",header=Authorization:Bearer s3cret-of-ours")
    assert done.returncode == 1 and "s3c" not in done.stdout + done.stderr, done
    # Nor does it report the address of a proxy that gRPC cannot read.
    done = attempt("authority=collector.invalid:4317", http_proxy="http:///me:s3cret@127.0.0.1:1")
    assert "cannot parse value of 'http_proxy' env var" in done.stderr, done
    assert "s3c" not in done.stdout + done.stderr, done


def bytes_are_those_that_arrived():
    """Neither a refused export nor one that reached nobody counts as delivered."""
    looked = threading.Event()
    server = Server((grpc.StatusCode.UNAVAILABLE, "later"), ("HELD", looked, OK),
                    (grpc.StatusCode.INVALID_ARGUMENT, "no"))
    with Exporter(f"authority={server.authority}") as x:
        x.post(1)
        x.until_status(consecutive_failures=1, bytes=0, last_bytes=0)
        looked.set()
        first = x.until_status(exports=1)
        assert first["bytes"] == first["last_bytes"] == server.calls[1][0].ByteSize(), first
        x.post(2)
        x.until_status(failures=1, bytes=first["bytes"])
        port = server.port
        server.stop()
        x.post(3)
        x.until_status(consecutive_failures=at_least(2), bytes=first["bytes"])
        second = Server(port=port)
        last = x.until_status(exports=2)
        assert last["last_bytes"] == second.calls[0][0].ByteSize(), last
        assert last["bytes"] == first["bytes"] + last["last_bytes"], last
        x.stop()


def exhausted_without_retry_info():
    server = Server((grpc.StatusCode.RESOURCE_EXHAUSTED, "quota"))
    with Exporter(f"authority={server.authority}") as x:
        x.post(1)
        x.until_status(failures=1)
        x.stop()
    assert server.values() == [1], server.values()


def exhausted_with_retry_info():
    looked = threading.Event()
    server = Server((grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", 1), ("HELD", looked, OK))
    with Exporter(f"authority={server.authority}") as x:
        x.post(1)
        x.until_status(consecutive_failures=1, failures=0)
        x.post(2)
        looked.set()
        x.until_status(exports=2, retries=1, failures=0)
        x.stop()
    assert server.values() == [1, 1, 2], server.values()


def retry_info_is_honoured():
    """By the time the other endpoint has been tried a third time, 1.5 s at least after its first,
    an endpoint that had asked for nothing would have been tried again after 1 s at most."""
    asks = Server((grpc.StatusCode.UNAVAILABLE, "come back later", 3000))
    other = Server((grpc.StatusCode.UNAVAILABLE, "no"), (grpc.StatusCode.UNAVAILABLE, "no"))
    with Exporter(f"authority={asks.authority}", f"authority={other.authority}") as x:
        x.post(1)
        x.until_status(1, exports=1, retries=2)
        assert asks.values() == [1], asks.values()
        x.post(2)
        x.until_status(1, exports=2)
        assert asks.values() == [1], asks.values()
        x.stop()
    # The flush at the end tries once more, whatever the collector asked for.
    assert asks.values() == [1, 1, 2], asks.values()


def partial_success():
    server = Server(("PARTIAL", 0, "hm"), ("PARTIAL", 3, "too late"), ("PARTIAL", 2, "too late"),
                    ("PARTIAL", 0, "hm"))
    with Exporter(f"authority={server.authority}") as x:
        for n in (1, 2, 3, 4):
            x.post(n)
            x.until_status(exports=n)
        x.until_status(exports=4, rejected_points=5, failures=0, retries=0,
                       consecutive_failures=0)
        x.stop()
        # A warning without refused points must not suppress the message about a later refusal.
        assert x.said().count("refused 3 points: too late") == 1, x.said()
        assert x.said().count("accepted everything, and warns: hm") == 1, x.said()
        assert x.said().count("\n") == 2, x.said()
    assert server.values() == [1, 2, 3, 4], server.values()


def one_down_does_not_delay_the_other():
    good = Server()
    with black_hole() as hole, Exporter(f"authority={hole},timeout=300000",
                                        f"authority={good.authority}") as x:
        for n in (1, 2, 3, 4, 5):
            x.post(n)
            x.until_status(1, exports=n)
        # All this happened while the first export to the other endpoint was still in progress.
        assert x.status(0)["consecutive_failures"] == 0, x.status(0)
        x.post(6)
        x.stop(10000)  # it takes all of this, and the good one has it too, long enough for a busy machine
        assert "the last snapshot did not arrive" in x.said(), x.said()
    assert good.values() == [1, 2, 3, 4, 5, 6], good.values()


def silence_ends_at_the_deadline():
    with black_hole() as hole, Exporter(f"authority={hole},timeout=300") as x:
        x.post(1)
        x.until_status(consecutive_failures=at_least(2), retries=at_least(1), failures=0,
                       last_error="cannot connect: no answer within the timeout")
        x.stop(100)


def a_connection_dies_unnoticed():
    looked = threading.Event()
    server = Server(OK, ("HELD", looked, OK))
    wire = Wire(server.port)
    with Exporter(f"authority={wire.authority},timeout=5000") as x:
        x.post(1)
        x.until_status(exports=1)
        wire.lose()
        x.post(2)
        x.until_status(consecutive_failures=1,
                       last_error="connected, but no answer within the timeout")
        looked.set()
        x.until_status(exports=2, retries=1, failures=0)
        x.stop()
    assert server.values() == [1, 2], server.values()


def server_restarts():
    first = Server()
    with Exporter(f"authority={first.authority}") as x:
        x.post(1)
        x.until_status(exports=1)
        first.stop()
        x.post(2)
        x.until_status(last_error="cannot connect: Connection refused")
        x.post(3)
        x.status()  # the exporter has it, before there is a collector that could get the second one
        second = Server(port=first.port)
        x.until_status(exports=2, failures=0, last_error="")
        x.stop()
        assert "accepted again" in x.said(), x.said()
    assert second.values() == [3], second.values()


def connection_age():
    server = Server(options=[("grpc.max_connection_age_ms", 100),
                             ("grpc.max_connection_age_grace_ms", 60000)])
    with Exporter(f"authority={server.authority}") as x:
        n = 0
        while len({peer for _, _, peer in server.calls}) < 4:
            n += 1
            assert n < 1000
            x.post(n)
            x.until_status(exports=n, failures=0, consecutive_failures=0)
            time.sleep(0.01)
        x.stop()
        assert x.said() == "", x.said()
    assert server.values() == list(range(1, n + 1)), server.values()


def flush_delivers_the_last():
    server = Server((grpc.StatusCode.UNAVAILABLE, "later", 3000))
    with Exporter(f"authority={server.authority}") as x:
        x.post(1)
        x.until_status(consecutive_failures=1)
        x.post(2)
        x.stop()
    assert server.values() == [1, 1, 2], server.values()


def flush_gives_up():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"127.0.0.1:{listener.getsockname()[1]}"
    with Exporter(f"authority={closed}") as x:
        x.post(1)
        x.until_status(consecutive_failures=at_least(1))
        x.stop(300)
        assert "the last snapshot did not arrive: cannot connect: Connection refused" in x.said(), \
            x.said()


def flush_without_a_snapshot():
    with black_hole() as hole, Exporter(f"authority={hole}") as x:
        x.stop(600000)


def gzip():
    for option, clear in (("", True), (",gzip", False)):
        server = Server()
        wire = Wire(server.port)
        with Exporter(f"authority={wire.authority},own{option}") as x:
            x.post(1)
            x.until_status(exports=1)
            x.stop()
        assert server.values() == [1]
        assert (b"transactions_total" in wire.bytes) == clear, option
        assert (b"\x1f\x8b\x08" in wire.bytes) != clear, option


def tls():
    with Authority() as ours, Authority() as theirs:
        server = Server(credentials=ours.server_credentials(False), host="localhost")
        with Exporter(f"authority={server.authority},tls,ca={ours.ca}") as x:
            x.post(1)
            x.until_status(exports=1)
            x.stop()
        assert server.values() == [1]
        with Exporter(f"authority={server.authority},tls,ca={theirs.ca}") as x:
            x.post(2)
            status = until("a failure", lambda: x.status()["consecutive_failures"] and x.status())
            assert "cannot connect: " in status["last_error"], status
            assert "CERTIFICATE_VERIFY_FAILED" in status["last_error"].upper().replace(" ", "_")
            x.stop(0)
        # Not in clear text either.
        with Exporter(f"authority={server.authority}") as x:
            x.post(3)
            until("a failure", lambda: x.status()["consecutive_failures"])
            x.stop(0)
        assert server.values() == [1], server.values()


def mutual_tls():
    with Authority() as ours:
        server = Server(credentials=ours.server_credentials(True), host="localhost")
        key, cert = ours.sign("client")
        base = f"authority={server.authority},tls,ca={ours.ca}"
        with Exporter(f"{base},cert={cert},key={key}") as x:
            x.post(1)
            x.until_status(exports=1)
            x.stop()
        with Exporter(base) as x:
            x.post(2)
            until("a failure", lambda: x.status()["consecutive_failures"])
            x.stop(0)
        assert server.values() == [1], server.values()


def bad_files():
    with Authority() as ours:
        key, cert = ours.sign("client")
        empty = ours.path("empty.pem")
        open(empty, "w").close()
        keys_only, damaged, second = (ours.path(n) for n in ("k.pem", "d.pem", "s.pem"))
        shutil.copy(key, keys_only)
        bad = "-----BEGIN CERTIFICATE-----\nMIIBTzCB9qADAgEC\n-----END CERTIFICATE-----\n"
        with open(damaged, "w") as f:
            f.write(bad)
        with open(second, "w") as f:
            f.write(open(cert).read() + bad)
        for options, words in (
                ("ca=/nonexistent/ca.pem",
                 "cannot read CA file /nonexistent/ca.pem: No such file or directory"),
                (f"ca={empty}", "holds no PEM block"),
                (f"ca={keys_only}", f"CA file {keys_only} holds no certificate"),
                (f"ca={damaged}", "its certificate 1 is damaged"),
                (f"ca={second}", "its certificate 2 is damaged"),
                (f"cert={second},key={key}", f"certificate file {second} cannot be used"),
                (f"key={key}", "set both")):
            x = Exporter(f"authority=127.0.0.1:1,tls,{options}")
            assert x.started != "started: ok"
            assert x.process.wait(PATIENCE_S) == 1
            assert words in x.said(), x.said()


def bad_header():
    x = Exporter("authority=127.0.0.1:1,header=se cret:v4lue")
    assert x.started == "started: Invalid argument", x.started
    assert x.process.wait(PATIENCE_S) == 1
    assert "header 'se cret' is not one that gRPC can send" in x.said(), x.said()
    assert "v4lue" not in x.said()


def too_large_a_request():
    server = Server()
    with Exporter(f"authority={server.authority}") as x:
        x.say("huge 1")
        x.until_status(failures=1, retries=0)
        assert "OTLP allows 64 MiB" in x.status()["last_error"], x.status()
        x.post(2)
        x.until_status(exports=1)
        x.stop()
    assert server.values() == [2], server.values()


def too_large_an_answer():
    server = Server(("PARTIAL", 1, "x" * (5 << 20)))
    with Exporter(f"authority={server.authority}") as x:
        x.post(1)
        x.until_status(failures=1, retries=0)
        assert "Received message larger than max" in x.status()["last_error"], x.status()
        x.stop()
    assert server.values() == [1], server.values()


def ipv6():
    try:
        server = Server(host="[::1]")
    except RuntimeError:
        print("skip: no IPv6 loopback here")
        sys.exit(77)
    with Exporter(f"authority={server.authority}") as x:
        x.post(1)
        x.until_status(exports=1)
        x.stop()
    assert server.values() == [1]


def no_privilege():
    if os.geteuid() != 0:
        print("skip: needs root")
        sys.exit(77)
    server = Server()
    with Exporter(f"authority={server.authority}") as x:
        x.post(1)
        x.until_status(exports=1)
        tasks = f"/proc/{x.process.pid}/task"
        threads = {}
        for task in os.listdir(tasks):
            try:
                with open(f"{tasks}/{task}/status") as f:
                    fields = dict(line.split(":\t", 1) for line in f if ":\t" in line)
            except (FileNotFoundError, ProcessLookupError):
                continue  # gRPC ends threads that have nothing to do
            threads[int(task)] = {k: int(fields[k], 16) for k in ("CapEff", "CapPrm", "SigBlk")}
        x.stop()
    main = threads.pop(x.process.pid)
    assert main["CapEff"] != 0 and main["SigBlk"] == 0, main
    assert threads, "no exporter thread"
    for task, fields in threads.items():
        assert fields["CapEff"] == 0 and fields["CapPrm"] == 0, (task, fields)
        assert fields["SigBlk"] & 1 << 14, (task, "SIGTERM is not blocked")


def trying():
    server = Server(OK, (grpc.StatusCode.UNAUTHENTICATED, "who are you?"),
                    (grpc.StatusCode.UNIMPLEMENTED, "unknown service"))
    for status, words in ((0, "ok: \n"),
                          (1, "Permission denied: UNAUTHENTICATED: who are you?\n"),
                          (1, "Protocol error: UNIMPLEMENTED: unknown service "
                              "(is this an OTLP/gRPC metrics receiver?)\n")):
        done = attempt(f"authority={server.authority}")
        assert (done.returncode, done.stdout) == (status, words), done
        assert not server.calls[-1][0].resource_metrics
    server.stop()
    done = attempt(f"authority={server.authority}")
    assert done.returncode == 1 and done.stdout.endswith("cannot connect: Connection refused\n"), \
        done
    with black_hole() as hole:
        done = attempt(f"authority={hole},timeout=200")
        assert done.returncode == 1 and "no answer within the timeout" in done.stdout, done


def proxies():
    """The environment's proxy is used, and never for loopback or for what no_proxy names."""
    server = Server()

    def connect(client):
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += client.recv(4096)
        assert asked.startswith(b"CONNECT collector.invalid:4317 "), asked
        with socket.create_connection(("127.0.0.1", server.port)) as onward:
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            threading.Thread(target=pump, args=(onward, client), daemon=True).start()
            pump(client, onward)

    def pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)

    proxy = Raw(connect)
    for variable in "grpc_proxy", "https_proxy", "HTTPS_PROXY", "http_proxy":
        more = {variable: f"http://me:s3cret@{proxy.authority}"}
        before = proxy.connections
        done = attempt("authority=collector.invalid:4317", **more)
        assert (done.returncode, proxy.connections) == (0, before + 1), (variable, done)
        for host in "127.0.0.1", "localhost":
            done = attempt(f"authority={host}:{server.port}", **more)
            assert (done.returncode, proxy.connections) == (0, before + 1), (variable, host, done)
        for exception in {"NO_PROXY": "*"}, {"no_proxy": "a.example, .invalid"}:
            done = attempt("authority=collector.invalid:4317", **more, **exception)
            assert (done.returncode, proxy.connections) == (1, before + 1), (exception, done)


if __name__ == "__main__":
    case = globals().get(sys.argv[1]) or getattr(export_faults, sys.argv[1])
    case()
