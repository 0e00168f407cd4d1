# SPDX-License-Identifier: Apache-2.0
"""Parts for the cases of the export stage: scripted servers, connections that can be cut, an exporter to
drive, a certificate authority."""
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
PATIENCE_S = 180  # long enough for a busy machine
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
    """Answers by SCRIPT, one step for each call, then always OK.

    A step is ("OK",), ("PARTIAL", rejected, message), (code, message[, retry delay in s]), or ("HELD", event, step): what
    the step says, once the event is set. So what lasts until the next call lasts as long as a test needs.
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
        if step[0] == "HELD":
            step[1].wait(PATIENCE_S)
            step = step[2]
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
        """The values of transactions_total in the calls, in order."""
        with self.lock:
            return [metrics(c[0])["transactions_total"].sum.data_points[0].as_int
                    for c in self.calls]

    def stop(self):
        self.server.stop(0).wait()


def at_least(least):
    """For until_status: what goes on growing may have more when it is looked at."""
    return lambda value: value >= least


def metrics(request):
    (resource,) = request.resource_metrics
    (scope,) = resource.scope_metrics
    return {m.name: m for m in scope.metrics}


class Exporter:
    def __init__(self, *endpoints):
        env = environment()
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
        """Waits for these values; one that is a function says whether a value will do."""
        def probe():
            self.last = self.status(lane)
            return all(v(self.last[k]) if callable(v) else self.last[k] == v for k, v in wanted.items()) and self.last
        try:
            return until(str(wanted), probe)
        except AssertionError as e:
            raise AssertionError(f"{e}; it is {self.last}") from None

    def stop(self, ms=5000):
        """Flushes and stops; the exporter must end by itself, without a report by ASan."""
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
    """A server that does not use gRPC: it calls SCRIPT, a function of the socket, for each connection."""

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


def environment():
    """This process's environment, without the proxies that gRPC would use."""
    return {k: v for k, v in os.environ.items() if "proxy" not in k.lower()} | {
        "LSAN_OPTIONS": "suppressions=tests/lsan.supp:print_suppressions=0"}


def attempt(endpoint, **more):
    return subprocess.run([EXPORTER, "--try", endpoint], capture_output=True, text=True,
                          env=environment() | more)


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
        """Closes the direction to the client and goes on reading from it."""
        for client in self.alive:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_WR)

    def reset(self):
        """Drops every open connection, as a balancer does that restarts."""
        for client in self.alive:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()
        self.alive = set()

    def lose(self):
        """From now on, everything sent on the open connections is lost silently, as when an address
        translator between the two has forgotten them."""
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
