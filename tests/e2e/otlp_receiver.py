#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""otlp_receiver.py FOLDER PORT FILE: receives OTLP over gRPC on loopback, for scripts/demo where there is no Collector, and
adds each export to FILE, a line of JSON as the Collector's file exporter writes it. FOLDER has otlp_pb2, which protoc made
of proto/otlp.proto. It writes FILE, empty, once it listens."""
import concurrent.futures
import sys

import grpc
from google.protobuf import json_format

folder, port, path = sys.argv[1:]
sys.path.insert(0, folder)
import otlp_pb2  # pylint: disable=import-error,wrong-import-position


def take(request, _context):
    with open(path, "a", encoding="utf-8") as out:
        print(json_format.MessageToJson(request, indent=None), file=out)
    return otlp_pb2.ExportResponse()


server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))  # one thread: lines in the order of their arrival
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
    "opentelemetry.proto.collector.metrics.v1.MetricsService", {"Export": grpc.unary_unary_rpc_method_handler(
        take, otlp_pb2.ExportRequest.FromString, otlp_pb2.ExportResponse.SerializeToString)})])
if not server.add_insecure_port(f"127.0.0.1:{port}"):
    sys.exit(f"port {port} of loopback is taken")
server.start()
with open(path, "w", encoding="utf-8"):
    pass
server.wait_for_termination()
