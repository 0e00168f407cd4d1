#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Cases of the two taps that main.bats does not have: incoming TLS, a shared libssl, a full ring.

load helper

@test "TLS that comes in is read: what a node received is counted as received" {
  receiver_tls bob
  url=https://localhost:$(connector_port bob)
  sender alice "$url"
  telltale_config tt "$(connector_cgroup bob)"
  telltale_start tt
  connector_pay alice "{\"payments\":16,\"concurrency\":8,$(to "$url")}"
  connector_count alice
  bed_wait 20 'every payment to be seen' \
    test_metric 16 tt telltale_transactions_total 'origin="received"'
  fulfills=$(connector_truth alice originated fulfills)
  [ "$(telltale_metric tt telltale_exchanges_total 'outcome="fulfilled"')" -ge "$fulfills" ]
  [ "$(telltale_metric tt transactions_total)" = 0 ]
  [ "$(telltale_metric tt telltale_coverage_complete)" = 1 ]
  telltale_stop tt
}

@test "a program with the shared libssl 3 is read, through SSL_write_ex and SSL_read_ex" {
  receiver_tls bob
  prepare_file "$BED/prepare"
  mkdir "$BED_CGROUP/snake"
  telltale_config tt "$BED_CGROUP/snake"
  bed_spawn snake "$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/snake" python3 "$ROOT/tests/e2e/tls-client.py" \
    "https://localhost:$(connector_port bob)/" "$BED/ca.pem" "$BED/prepare" 50 "$BED/go"
  bed_wait 10 'the client to be up' at_least 1 grep -c . "$BED_CGROUP/snake/cgroup.procs"
  telltale_start tt
  # Python may load the library only after telltale has begun.
  bed_wait 20 'its library to be read' grep -q 'reading the TLS' "$BED/tt.log"
  touch "$BED/go"
  bed_wait 20 'the client to end' not bed_alive snake
  [ "$(grep -c '^200 13$' "$BED/snake.log")" = 50 ]
  telltale_stop tt
  [ "$(telltale_truth tt fulfills)" = 50 ]
  [ "$(telltale_truth tt transactions)" = 1 ]
}

# The kernel keeps 4,096 calls, and puts out the one that has waited longest. Only where sessions are used is the return
# of a call known to be one whose beginning was kept.
@test "more calls of a TLS library at once than there is room for: what is not read is announced" {
  (($(cat /proc/sys/kernel/threads-max) > 20000 && $(ulimit -Hn) > 6000)) ||
    skip 'this host may not have so many threads or open files'
  printf '6.13\n%s\n' "$(uname -r)" | sort --check=quiet --version-sort || skip 'Linux before 6.13 has no sessions'
  bed_certificates
  prepare_file "$BED/prepare"
  mkdir "$BED_CGROUP/snake"
  telltale_config tt "$BED_CGROUP/snake"
  bed_spawn snake "$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/snake" python3 "$ROOT/tests/e2e/tls-threads.py" \
    "$BED/server.pem" "$BED/server.key" 5000 "$BED/snake.port" "$BED/go"
  bed_wait 10 'the server to be up' test -e "$BED/snake.port"
  telltale_start tt
  bed_wait 20 'its library to be read' grep -q 'reading the TLS' "$BED/tt.log"
  touch "$BED/go"
  python3 - "$BED" "$(cat "$BED/snake.port")" <<'PYTHON'
import socket, ssl, sys, time
bed, port = sys.argv[1:]
end = time.monotonic() + 120
context = ssl.create_default_context(cafile=bed + "/ca.pem")
body = open(bed + "/prepare", "rb").read()
connection = context.wrap_socket(socket.create_connection(("127.0.0.1", int(port))), server_hostname="localhost")
while "reading" not in open(bed + "/snake.log").read():
    assert time.monotonic() < end, "it does not read"
    time.sleep(0.1)
connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
                   b"Content-Length: %d\r\n\r\n" % len(body) + body)
while not [line for line in open(bed + "/snake.log") if line[0] != "r"]:
    assert time.monotonic() < end, "nothing came"
    time.sleep(0.1)
PYTHON
  bed_wait 20 'the gap' same echo 1 -- telltale_metric tt telltale_gaps_total 'cause="full"'
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  telltale_stop tt
}

# Prints how many messages telltale has read, and has had no room for.
messages() {
  local read dropped
  read=$(telltale_metric tt telltale_records_total 'type="message"') &&
    dropped=$(telltale_metric tt telltale_records_dropped_total) && echo $((read + dropped))
}

@test "records without room in the ring are counted, and announced wherever totals are shown" {
  receiver bob
  sender alice "http://127.0.0.1:$(connector_port bob)"
  telltale_config tt "$(connector_cgroup alice)"
  telltale_start tt
  # Stopped, telltale does not empty the ring, which holds some 13,000 messages; these are 24,000.
  telltale_signal tt STOP
  connector_hammer alice '{"count":12000,"concurrency":32,"receiver":"test.bob"}'
  telltale_signal tt CONT
  bed_wait 20 'the loss to be exported' at_least 5000 telltale_metric tt telltale_records_dropped_total
  [ "$(telltale_metric tt telltale_coverage_complete)" = 0 ]
  # What is still in the ring is read bit by bit.
  bed_wait 20 'each message to be counted, as read or as dropped' at_least 24000 messages
  telltale_stop tt
}
