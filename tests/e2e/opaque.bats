#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Traffic that cannot be read is not counted as zero: TLS that cannot be read is announced wherever totals are
# shown.

load helper

@test "a program with TLS of its own, in Go: telltale says that it cannot be read" {
  receiver_tls bob
  prepare_file "$BED/prepare"
  mkdir "$BED_CGROUP/gopher"
  telltale_config tt "$BED_CGROUP/gopher"
  telltale_start tt
  "$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/gopher" "$PARTS/opaque" -ca "$BED/ca.pem" -count 3 \
    -url "https://localhost:$(connector_port bob)/" -token secret-of-alice -body "$BED/prepare"
  [ "$(connector_truth bob received fulfills)" = 3 ]
  bed_wait 20 'the connection to be announced' at_least 1 telltale_metric tt telltale_opaque_connections_total
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  [ "$(telltale_metric tt packet_count_prepare)" = 0 ]
  grep -qi 'cannot be read' "$BED/tt.log"
  telltale_stop tt
}

@test "TLS in Node.js is read, and not announced as unreadable" {
  receiver_tls bob
  url=https://localhost:$(connector_port bob)
  sender alice "$url"
  telltale_config tt "$(connector_cgroup alice)"
  telltale_start tt
  connector_pay alice "{\"payments\":4,\"concurrency\":2,$(to "$url")}"
  bed_wait 20 'the payments to be counted' test_metric 4 tt transactions_total
  [ "$(telltale_metric tt telltale_opaque_connections_total)" = 0 ]
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  telltale_stop tt
}

@test "a connection that changes to another protocol is announced, and the outcome of its Prepare is not guessed" {
  prepare_file "$BED/prepare"
  mkdir "$BED_CGROUP/curl"
  bed_spawn upgrader python3 "$ROOT/tests/e2e/upgrader.py" "$BED/upgrader.port"
  bed_wait 30 'the server' test -e "$BED/upgrader.port"
  telltale_config tt "$BED_CGROUP/curl"
  telltale_start tt
  # The client waits for an answer that never comes.
  bed_spawn curl curl --silent --http1.1 \
    --header 'Content-Type: application/octet-stream' --header 'Upgrade: other' \
    --header 'Connection: Upgrade' --data-binary "@$BED/prepare" \
    "http://127.0.0.1:$(cat "$BED/upgrader.port")/"
  bed_wait 20 'the connection to be announced' \
    test_metric 1 tt telltale_opaque_connections_total 'reason="upgraded"'
  bed_stop curl || true
  bed_wait 20 'its exchange to be given up' test_metric 1 tt telltale_lost_total 'cause="opaque"'
  [ "$(telltale_metric tt telltale_exchanges_total)" = 1 ]
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  grep -q 'went over from HTTP/1.1' "$BED/tt.log"
  telltale_stop tt
}

# begin_http2 PORT FILE [CA]: a stranger sends a request in HTTP/2, with FILE as its body, to a PORT that perhaps
# speaks another protocol, inside TLS with CA, and waits for an answer or the end.
begin_http2() {
  python3 -c '
import socket, ssl, sys
frame = lambda kind, flags, stream, payload: len(payload).to_bytes(3, "big") + bytes([kind, flags]) + \
    stream.to_bytes(4, "big") + payload
body = open(sys.argv[2], "rb").read()
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 120) as s:
    if len(sys.argv) > 3:
        s = ssl.create_default_context(cafile=sys.argv[3]).wrap_socket(s, server_hostname="localhost")
    s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") +
        frame(1, 4, 1, b"\x83\x86\x84") + frame(0, 1, 1, body))
    s.settimeout(120)
    print(s.recv(64))' "$@"
}

# beside_alice MODULE [MAKE]: starts a server of that module of Node.js in alice's cgroup, made by MAKE
# (createServer) with the bed's certificate; its port is in $port.
beside_alice() {
  port=$(bed_free_port)
  mkdir -p "$BED/alice"
  bed_certificates
  bed_spawn alice/other node -e "
    const { readFileSync: read } = require('fs')
    const tls = { key: read('$BED/server.key'), cert: read('$BED/server.pem') }
    require('$1').${2:-createServer}(tls, (_, answer) => answer.end()).listen($port, '127.0.0.1')"
  bed_wait 30 'the server' python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))"
}

# stranger_beside MODULE [CA]: a stranger sends a Prepare in HTTP/2 to a server of HTTP/1.1 in alice's cgroup,
# inside TLS with CA. That is nothing that came in: her payments still count.
stranger_beside() {
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  sender alice "$url"
  beside_alice "$1"
  prepare_file "$BED/prepare"
  telltale_config tt "$(connector_cgroup alice)"
  telltale_start tt
  begin_http2 "$port" "$BED/prepare" "${@:2}"
  connector_pay alice "{\"payments\":4,\"concurrency\":2,$(to "$url")}"
  bed_wait 20 'the payments to be counted' test_metric 4 tt transactions_total
  [ "$(telltale_metric tt telltale_opaque_connections_total)" = 0 ]
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  telltale_stop tt
}

# http2_beside MAKE SCHEME CURL_OPTION...: alice's own server, made by MAKE, answers a Prepare in HTTP/2. That
# is what came in, and her payments still are her own.
http2_beside() {
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  sender alice "$url"
  beside_alice http2 "$1"
  prepare_file "$BED/prepare"
  telltale_config tt "$(connector_cgroup alice)"
  telltale_start tt
  telltale_follows_http2 tt
  curl --silent --fail "${@:3}" --header 'Content-Type: application/octet-stream' --data-binary "@$BED/prepare" \
    "$2://localhost:$port/"
  bed_wait 20 'it to be counted' test_metric 1 tt telltale_exchanges_by_origin_total 'origin="received"'
  connector_pay alice "{\"payments\":4,\"concurrency\":2,$(to "$url")}"
  bed_wait 20 'the payments to be counted' test_metric 4 tt transactions_total
  [ "$(telltale_metric tt telltale_opaque_connections_total)" = 0 ]
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  telltale_stop tt
}

@test "a stranger who sends ILP in HTTP/2 to a port of HTTP/1.1 does not stop payments from being counted" {
  stranger_beside http
}

@test "where the target itself takes ILP in HTTP/2, that came in, and its payments are counted as its own" {
  http2_beside createServer http --http2-prior-knowledge
}

@test "inside readable TLS it is the same: a stranger does not stop payments from being counted" {
  bed_certificates
  stranger_beside https "$BED/ca.pem"
}

@test "inside readable TLS it is the same: the target's own HTTP/2 does" {
  bed_certificates
  http2_beside createSecureServer https --http2 --cacert "$BED/ca.pem"
}
