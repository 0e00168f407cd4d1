# SPDX-License-Identifier: Apache-2.0
"""export_cases.py CASE - the export stage against a scripted OTLP/gRPC server.

Each case starts servers, runs build/tests/exporter against them and asserts what arrived and what
the exporter says of it. Nothing here asserts a time: waits poll with a deadline and only fail.
"""
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent import futures

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as service
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as service_grpc

EXPORTER = "build/tests/exporter"
PATIENCE_S = 30
OK = ("OK",)


def until(what, probe, patience=PATIENCE_S):
    """Polls PROBE until it is true and returns its value."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = probe()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {patience} s for: {what}")


class Server(service_grpc.MetricsServiceServicer):
    """Answers by SCRIPT, one step a call, then OK for ever.

    A step is ("OK",), ("PARTIAL", rejected, message), or (code, message[, retry delay in s]).
    """

    def __init__(self, *script, port=0, credentials=None, host="127.0.0.1", options=()):
        self.script = list(script)
        self.calls = []
        self.lock = threading.Lock()
        self.server = grpc.server(
            futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0), *options])
        service_grpc.add_MetricsServiceServicer_to_server(self, self.server)
        address = f"{host}:{port}"
        self.port = (self.server.add_secure_port(address, credentials) if credentials
                     else self.server.add_insecure_port(address))
        self.authority = f"{host}:{self.port}"
        self.server.start()

    def Export(self, request, context):
        with self.lock:
            self.calls.append((request, dict(context.invocation_metadata()), context.peer()))
            step = self.script.pop(0) if self.script else OK
        if step[0] == "OK":
            return service.ExportMetricsServiceResponse()
        if step[0] == "PARTIAL":
            response = service.ExportMetricsServiceResponse()
            response.partial_success.rejected_data_points = step[1]
            response.partial_success.error_message = step[2]
            return response
        code, message = step[:2]
        if len(step) > 2:
            info = error_details_pb2.RetryInfo(
                retry_delay=duration_pb2.Duration(seconds=step[2]))
            detail = any_pb2.Any()
            detail.Pack(info)
            context.abort_with_status(rpc_status.to_status(
                status_pb2.Status(code=code.value[0], message=message, details=[detail])))
        context.abort(code, message)

    def values(self):
        """What transactions_total was in each call, in order."""
        with self.lock:
            return [metrics(c[0])["transactions_total"].sum.data_points[0].as_int
                    for c in self.calls]

    def stop(self):
        self.server.stop(0).wait()


def metrics(request):
    (resource,) = request.resource_metrics
    (scope,) = resource.scope_metrics
    return {m.name: m for m in scope.metrics}


class Exporter:
    def __init__(self, *endpoints):
        env = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        env["LSAN_OPTIONS"] = "suppressions=tests/lsan.supp:print_suppressions=0"
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [EXPORTER, *endpoints], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.log, text=True, env=env)
        self.started = self.process.stdout.readline().strip()

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def post(self, n):
        self.say(f"post {n}")

    def status(self, lane=0):
        self.say("status")
        return json.loads(self.process.stdout.readline())[lane]

    def until_status(self, lane=0, **wanted):
        def probe():
            self.last = self.status(lane)
            return all(self.last[k] == v for k, v in wanted.items()) and self.last
        try:
            return until(str(wanted), probe)
        except AssertionError as e:
            raise AssertionError(f"{e}; it is {self.last}") from None

    def stop(self, ms=5000):
        """Flushes and stops; the exporter must end by itself, with no complaint by ASan."""
        self.say(f"stop {ms}")
        assert self.process.stdout.readline() == "stopped\n"
        status = self.process.wait(PATIENCE_S)
        assert status == 0, f"exit status {status}"

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def __enter__(self):
        assert self.started == "started: ok", self.started + "\n" + self.said()
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            print("exporter said:\n" + self.said(), file=sys.stderr)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Raw:
    """A server below gRPC: for each connection SCRIPT, a function of the socket, is called."""

    def __init__(self, script, port=0):
        self.script = script
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.authority = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(OSError), client:
            self.script(client)

    def stop(self):
        # A thread that waits in accept() keeps a closed listener alive.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def raw_export(answer):
    """A gRPC server whose Export is ANSWER(request bytes, context) -> response bytes."""
    server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
        "opentelemetry.proto.collector.metrics.v1.MetricsService",
        {"Export": grpc.unary_unary_rpc_method_handler(answer)}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"


def attempt(endpoint):
    return subprocess.run([EXPORTER, "--try", endpoint], capture_output=True, text=True)


@contextlib.contextmanager
def black_hole():
    """Accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


class Wire:
    """Forwards TCP to a server and keeps what the client sent."""

    def __init__(self, port):
        self.port = port
        self.bytes = b""
        self.dead = set()
        self.alive = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.authority = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.port))
            self.alive.add(client)
            threading.Thread(target=self.pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, False), daemon=True).start()

    def pump(self, source, sink, keep):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if keep:
                    self.bytes += data
                if not {source, sink} & self.dead:
                    sink.sendall(data)

    def half_close(self):
        """Says to the client that nothing more will come, and goes on listening."""
        for client in self.alive:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_WR)

    def reset(self):
        """Drops every connection of this moment, as a balancer does that restarts."""
        for client in self.alive:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()
        self.alive = set()

    def lose(self):
        """From now on what comes through the connections of this moment vanishes without a word, as
        when a translation table in between has forgotten them."""
        self.dead |= self.alive


class Authority:
    """A certificate authority made with openssl, and what it signs."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="telltale-ca.")
        self.ca, ca_key = self.path("ca.pem"), self.path("ca.key")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-keyout", ca_key, "-out", self.ca, "-subj", "/CN=test CA",
                     "-days", "2")
        self.ca_key = ca_key

    def path(self, name):
        return os.path.join(self.dir, name)

    def openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, capture_output=True)

    def sign(self, name):
        key, request, cert = (self.path(name + s) for s in (".key", ".csr", ".pem"))
        extension = self.path(name + ".ext")
        with open(extension, "w") as f:
            f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        self.openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.ca_key,
                     "-CAcreateserial", "-out", cert, "-days", "2", "-extfile", extension)
        return key, cert

    def server_credentials(self, clients_need_one):
        key, cert = self.sign("server")
        pair = [(open(key, "rb").read(), open(cert, "rb").read())]
        return grpc.ssl_server_credentials(pair, open(self.ca, "rb").read(), clients_need_one)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        shutil.rmtree(self.dir)


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
    server = Server(OK, (grpc.StatusCode.UNAVAILABLE, "restarting"))
    with Exporter(f"authority={server.authority}") as x:
        x.post(1)
        x.until_status(exports=1)
        x.post(2)
        x.until_status(consecutive_failures=1, last_error="UNAVAILABLE: restarting")
        x.post(3)
        x.post(4)
        x.until_status(exports=2, retries=1, failures=0, consecutive_failures=0, last_error="")
        x.stop()
    assert server.values() == [1, 2, 4], server.values()


def the_first_goes_first():
    """Of a daemon that starts while its collector is away: zero first, then what there is now."""
    server = Server((grpc.StatusCode.UNAVAILABLE, "not yet"))
    with Exporter(f"authority={server.authority}") as x:
        for n in (0, 5, 7):
            x.post(n)
            x.until_status(consecutive_failures=1)
        x.until_status(exports=2, retries=1, failures=0)
        x.stop()
    assert server.values() == [0, 0, 7], server.values()
    # Refused for good, it is not offered again.
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


def exhausted_without_retry_info():
    server = Server((grpc.StatusCode.RESOURCE_EXHAUSTED, "quota"))
    with Exporter(f"authority={server.authority}") as x:
        x.post(1)
        x.until_status(failures=1)
        x.stop()
    assert server.values() == [1], server.values()


def exhausted_with_retry_info():
    server = Server((grpc.StatusCode.RESOURCE_EXHAUSTED, "busy", 1))
    with Exporter(f"authority={server.authority}") as x:
        x.post(1)
        x.until_status(consecutive_failures=1, failures=0)
        x.post(2)
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
    # ... but the flush at the end asks once more, whatever was said.
    assert asks.values() == [1, 1, 2], asks.values()


def partial_success():
    server = Server(("PARTIAL", 3, "too late"), ("PARTIAL", 2, "too late"), ("PARTIAL", 0, "hm"))
    with Exporter(f"authority={server.authority}") as x:
        for n in (1, 2, 3):
            x.post(n)
            x.until_status(exports=n)
        x.until_status(exports=3, rejected_points=5, failures=0, retries=0,
                       consecutive_failures=0)
        x.stop()
        assert x.said().count("too late") == 1 and "hm" not in x.said(), x.said()
    assert server.values() == [1, 2, 3], server.values()


def one_down_does_not_delay_the_other():
    good = Server()
    with black_hole() as hole, Exporter(f"authority={hole}", f"authority={good.authority}") as x:
        for n in (1, 2, 3, 4, 5):
            x.post(n)
            x.until_status(1, exports=n)
        # All that while the first export to the other was still under way.
        assert x.status(0)["consecutive_failures"] == 0, x.status(0)
        x.post(6)
        x.stop(300)
        assert "the last snapshot did not arrive" in x.said(), x.said()
    assert good.values() == [1, 2, 3, 4, 5, 6], good.values()


def silence_ends_at_the_deadline():
    with black_hole() as hole, Exporter(f"authority={hole},timeout=300") as x:
        x.post(1)
        x.until_status(consecutive_failures=2, retries=1, failures=0,
                       last_error="cannot connect: no answer within the timeout")
        x.stop(100)


def a_connection_dies_unnoticed():
    server = Server()
    wire = Wire(server.port)
    with Exporter(f"authority={wire.authority},timeout=500") as x:
        x.post(1)
        x.until_status(exports=1)
        wire.lose()
        x.post(2)
        x.until_status(consecutive_failures=1,
                       last_error="connected, but no answer within the timeout")
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
        second = Server(port=first.port)
        x.post(3)
        x.until_status(exports=2, failures=0, last_error="")
        x.stop()
        assert "accepted again" in x.said(), x.said()
    assert second.values() == [3], second.values()


def connection_age():
    server = Server(options=[("grpc.max_connection_age_ms", 100),
                             ("grpc.max_connection_age_grace_ms", 100)])
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
        x.until_status(consecutive_failures=1)
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
        # Not in clear either.
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
        key, _ = ours.sign("client")
        empty = ours.path("empty.pem")
        open(empty, "w").close()
        for options, words in (
                ("ca=/nonexistent/ca.pem",
                 "cannot read CA file /nonexistent/ca.pem: No such file or directory"),
                (f"ca={empty}", "holds no PEM block"),
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
            with open(f"{tasks}/{task}/status") as f:
                fields = dict(line.split(":\t", 1) for line in f if ":\t" in line)
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


RETRIED = {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}


def each_status_code():
    """Every code there is, each from a server of its own, four at a time."""
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
        seen.append(request)
        time.sleep(delays.pop(0) if delays else 0)
        return b""

    seen, delays = [], [0.4]
    server, authority = raw_export(late)
    with Exporter(f"authority={authority},timeout=20000") as x:
        x.post(1)
        status = x.until_status(exports=1, failures=0, retries=0, timed=1)
        assert status["latency_ns"] > 0.4e9, status
        x.stop()
    delays.append(1.5)
    with Exporter(f"authority={authority},timeout=300") as x:
        x.post(2)
        x.until_status(consecutive_failures=1, last_code=4,
                       last_error="connected, but no answer within the timeout")
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
    # One that hears the request out and then says nothing but that it is done.
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
            assert server.values() == [1, 2], server.values()


def garbage_inside():
    """gRPC as it should be around an answer that is no OTLP: it was acknowledged all the same."""
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
        x.until_status(consecutive_failures=1, last_error="UNAVAILABLE: with rubbish")
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
            # Half a rotation is not taken.
            _, cert = new.sign("client")
            put("cert", cert)
            x.post(2)
            x.until_status(exports=2, failures=0, consecutive_failures=0)
            put("cert", cert, half=True)
            x.post(3)
            x.until_status(exports=3, failures=0, consecutive_failures=0)
            assert x.said().count("not used yet") == 1, x.said()
            assert "is not of the certificate in" in x.said(), x.said()
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
    # What is counted as sent is what was sent.
    assert whole["bytes"] == plain.calls[0][0].ByteSize(), whole
    assert 0 < packed["bytes"] < server.calls[0][0].ByteSize() / 2, packed
    # Nothing in it that the definitions do not have.
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


if __name__ == "__main__":
    globals()[sys.argv[1]]()
