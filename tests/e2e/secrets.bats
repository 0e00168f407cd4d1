#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Secrets planted in the traffic must not occur in anything that telltale keeps, logs, shows or sends.

load helper

# found NEEDLES FILE...: prints where a needle (JSON: name -> text, or hex after "hex:") occurs.
found() {
  python3 - "$@" <<'PYTHON'
import base64, json, os, sys
needles = json.load(open(sys.argv[1]))
ZEROS = bytes(65536)

def content(path):
    """What is in it, without those parts that are nothing but zeros, as most of a process's memory is."""
    with open(path, "rb") as file:
        return b"".join(part for part in iter(lambda: file.read(len(ZEROS)), b"") if part != ZEROS)

for path in sys.argv[2:]:
    data = content(path)
    for name, text in needles.items():
        raw = bytes.fromhex(text[4:]) if text.startswith("hex:") else text.encode()
        forms = {"": raw, " in hex": raw.hex().encode(), " in HEX": raw.hex().upper().encode(),
                 " in base64": base64.b64encode(raw).rstrip(b"=")[:-1]}
        for form, needle in forms.items():
            if data.find(needle) >= 0:
                print(f"{os.path.basename(path)}: {name}{form}")
PYTHON
}

# heap_of NAME: a process's memory, without the mappings in which V8 reserves room for gigabytes.
heap_of() {
  python3 - "$(bed_pid "$1")" <<'PYTHON'
import re, sys
with open(f"/proc/{sys.argv[1]}/maps") as maps, open(f"/proc/{sys.argv[1]}/mem", "rb", 0) as memory:
    for begin, end in re.findall(r"^(\w+)-(\w+) rw-p", maps.read(), re.MULTILINE):
        begin, end = int(begin, 16), int(end, 16)
        if end - begin <= 64 << 20:
            memory.seek(begin)
            try:
                part = memory.read(end - begin)
            except OSError:  # unmapped meanwhile
                continue
            sys.stdout.buffer.write(part)
PYTHON
}

# reported: makes a report; whether it has telltale's metrics, or could not be made, which $status says; for bed_wait.
reported() {
  rm -f "$BED/report.tgz"
  run "$TELLTALE" report --config "$BED/tt.yaml" --output "$BED/report.tgz"
  [[ $status != 0 ]] || tar --extract --gzip --to-stdout --file "$BED/report.tgz" | grep '^telltale_coverage_complete'
}

@test "token, ILP address, condition and payload are in no log, page, export, report, ring or memory" {
  local mark=q$RANDOM$RANDOM$RANDOM
  connector_start bob "{$BOB,\"asset\":$EUR,\"listen\":{\"host\":\"127.0.0.1\"},
    \"incoming\":[{\"token\":\"bearer-$mark\",\"asset\":$EUR}]}"
  receiver_tls dora
  sed "s/secret-of-alice/bearer-$mark/" "$BED/dora.json" >"$BED/dora2.json"
  bed_stop dora || true
  connector_start dora "$(cat "$BED/dora2.json")"
  plain=http://127.0.0.1:$(connector_port bob)
  tls=https://localhost:$(connector_port dora)
  connector_start alice "{\"address\":\"test.alice\",\"asset\":$EUR,\"rates\":$RATES,\"peers\":[
    {\"url\":\"$plain/\",\"token\":\"bearer-$mark\",\"asset\":$EUR},
    {\"url\":\"$tls/\",\"token\":\"bearer-$mark\",\"asset\":$EUR,\"ca\":\"$BED/ca.pem\"}]}"
  collector_start own
  telltale_config tt "$(connector_cgroup alice)" 'endpoints:' \
    "$(telltale_endpoint "$(collector_url own)" own)" "    headers: {x-key: header-$mark}" \
    "peers: [{name: name-$mark, endpoint: \"https://peer-$mark.example/\", token: 9f86d081884c7d65, asset: {code: EUR, scale: 6}}]"
  telltale_start tt
  telltale_follows_http2 tt

  connector_hammer alice "{\"count\":400,\"concurrency\":8,\"receiver\":\"test.bob\",
    \"label\":\"address-$mark\",\"payload\":\"payload-$mark\",\"reveal\":20}"
  bed_wait 20 'the packets to be counted' \
    same connector_truth alice originated prepares -- telltale_metric tt packet_count_prepare
  # The same token over HTTP/2.
  had=$(telltale_metric tt telltale_exchanges_total)
  mkdir -p "$BED/alice"
  port=$(bed_free_port)
  node "$ROOT/tests/stacks/common/workload.js" 100 >"$BED/workload"
  bed_spawn other node "$ROOT/tests/http2/ends.js" serve "$port" "$BED/other.journal"
  bed_wait 20 'the server' grep -q ready "$BED/other.log"
  bed_spawn alice/http2 env TOKEN="bearer-$mark" node "$ROOT/tests/http2/ends.js" send http2 "http://localhost:$port" \
    "$BED/workload" "$BED/http2.journal" 20
  bed_wait 60 'it to be sent' not bed_alive alice/http2
  [ "$(grep -c fulfilled "$BED/http2.journal")" -gt 10 ]
  bed_wait 20 'it to be counted' at_least $((had + 100)) telltale_metric tt telltale_exchanges_total
  had=$(collector_exports own)
  bed_wait 20 'an export after that' at_least $((had + 2)) collector_exports own

  # All mapped memory, including the ring, which an ordinary core dump leaves out.
  gcore -a -o "$BED/core" "$(bed_pid tt)" "$(telltale_daemon_pid tt)" >"$BED/gcore.log" 2>&1
  page=http://$(sed -n 's/^listen: *//p' "$BED/tt.yaml")
  for path in metrics status.json history.json sent.json; do curl --silent --fail "$page/$path"; done >"$BED/page"
  # The report goes to strangers: besides, it says neither who the peers are nor what was paid.
  # It asks telltale, which was stopped for the dump and may be late to answer.
  bed_wait 20 'a report with metrics' reported
  echo "$output"
  [ "$status" = 0 ]
  [ "$(stat --format %a "$BED/report.tgz")" = 600 ]
  tar --extract --gzip --to-stdout --file "$BED/report.tgz" >"$BED/report"
  for part in '^telltale 0' '^ok .*kernel' '^telltale_coverage_complete' '^# target .*: attached' '^export_interval: 1s'; do
    grep -q "$part" "$BED/report"
  done
  run ! grep -E "name-$mark|peer-$mark|header-$mark|9f86d081884c7d65|^(transactions|packet_|telltale_(transactions|amount|packets))" \
    "$BED/report"
  telltale_stop tt
  python3 - "$BED/alice.did" "$mark" "$BED/workload" >"$BED/needles" <<'PYTHON'
import json, sys
mark = sys.argv[2]
needles = {"address over HTTP/2": open(sys.argv[3]).readline().split()[0].rpartition(".")[0], "token": f"bearer-{mark}", "address": f"address-{mark}", "payload": f"payload-{mark}"}
for i, condition in enumerate(json.load(open(sys.argv[1]))["conditions"]):
    needles[f"condition {i}"] = "hex:" + condition
print(json.dumps(needles))
PYTHON

  # The search itself works: it finds the endpoint's name in the daemon's memory, and the secrets in the
  # connector's.
  echo "{\"endpoint\":\"127.0.0.1:$(connector_port bob)\"}" >"$BED/known"
  [ -n "$(found "$BED/known" "$BED"/core.*)" ]
  heap_of alice >"$BED/alice-memory"
  [ -n "$(found "$BED/needles" "$BED/alice-memory")" ]

  # shellcheck disable=SC2046 # paths without blanks
  result=$(found "$BED/needles" "$BED"/core.* "$BED/page" "$BED/report" "$BED/own.otlp" "$BED/tt.log" "$BED/tt.truth" \
    $(find "$BED/tt.state" -type f))
  rm -f "$BED"/core.* "$BED/alice-memory"
  echo "$result" | sort | uniq -c | head -n 20
  [ -z "$result" ]
}
