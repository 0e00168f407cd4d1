#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The ways an exchange can end: each Prepare ends in exactly one way, and telltale counts the same as the
# client.

load helper

# peer [CERT KEY]: starts server.js as "peer".
peer() {
  bed_spawn peer node "$ROOT/tests/e2e/outcomes/server.js" "$BED/peer.ready" "$@"
  bed_wait 30 'the peer' test -e "$BED/peer.ready"
}

# watched PLAIN|TLS client|peer: makes exchanges end in every way while telltale watches one side.
watched() {
  local scheme=http ca='' host=127.0.0.1
  mkdir -p "$BED_CGROUP/client"
  if [[ $1 == tls ]]; then
    bed_certificates
    scheme=https ca=$BED/ca.pem
    peer "$BED/server.pem" "$BED/server.key"
  else
    peer
  fi
  telltale_config tt "$BED_CGROUP/$2"
  if [[ $2 == client ]]; then
    # It waits, so that telltale reads its TLS library before it sends anything.
    bed_spawn client node "$ROOT/tests/e2e/outcomes/gate.js" "$BED/gate" \
      "$scheme://$host:$(bed_json "$BED/peer.ready" port)/" 8 1 "$BED/ledger" "$ca"
    bed_wait 30 'the client to be up' test -e "$BED/gate.up"
    telltale_start tt
    touch "$BED/gate"
  else
    telltale_start tt
    bed_spawn client node "$ROOT/tests/e2e/outcomes/client.js" \
      "$scheme://$host:$(bed_json "$BED/peer.ready" port)/" 8 1 "$BED/ledger" "$ca"
  fi
  bed_wait 240 'the client to end' not bed_alive client
  cat "$BED/client.log"
  [ -e "$BED/ledger" ]
}

# ended: prints how many exchanges telltale has seen end.
ended() {
  telltale_metric tt telltale_exchanges_total
}

prepares() {
  bed_json "$BED/ledger" prepares
}

# Compares the ledger's outcomes with the truth file's and prints both.
outcomes_agree() {
  python3 - "$BED/ledger" "$BED/tt.truth" <<'PYTHON'
import json, sys
ledger, truth = (json.load(open(f)) for f in sys.argv[1:])
for key, want in ledger["outcomes"].items():
    print(f"{key:12}{want:8}{truth['outcomes'][key]:8}{'' if want == truth['outcomes'][key] else '  <<<'}")
print("lost:", truth["lost"])
others = sum(number for key, number in truth["outcomes"].items() if key not in ledger["outcomes"])
sys.exit(ledger["unexpected"] or others or any(want != truth["outcomes"][key] for key, want in ledger["outcomes"].items())
         or sum(truth["outcomes"].values()) != ledger["prepares"])
PYTHON
}

# METRIC LABEL KEY: compares one of the ledger's tables with the metric, label by label.
table_agrees() {
  local key value
  while read -r key value; do
    [[ $(telltale_metric tt "$1" "$2=\"$key\"") == "$value" ]] || {
      echo "$1 $key: $value, but $(telltale_metric tt "$1" "$2=\"$key\"")"
      return 1
    }
  done < <(bed_json "$BED/ledger" "$3" | python3 -c 'import json, sys
for key, value in json.load(sys.stdin).items(): print(key, value)')
}

all_agrees() {
  bed_wait 120 'every exchange to have ended' same ended -- prepares
  table_agrees telltale_http_errors_total status http
  telltale_stop tt
  outcomes_agree
}

@test "plain, seen from the client: every ending is counted as what it was" {
  watched plain client
  bed_wait 120 'every exchange to have ended' same ended -- prepares
  table_agrees telltale_rejects_total code codes
  all_agrees
}

@test "plain, seen from the server" {
  watched plain peer
  all_agrees
}

@test "TLS, seen from the client" {
  watched tls client
  bed_wait 120 'every exchange to have ended' same ended -- prepares
  table_agrees telltale_rejects_total code codes
  all_agrees
}

@test "TLS, seen from the server" {
  watched tls peer
  all_agrees
}

# killed client|peer: telltale watches one side, which is killed while the client waits for replies. Over TLS
# only the process itself shows that a connection ends.
killed() {
  mkdir -p "$BED_CGROUP/client"
  bed_certificates
  peer "$BED/server.pem" "$BED/server.key"
  bed_spawn client node "$ROOT/tests/e2e/outcomes/waiting.js" "$BED/gate" \
    "https://127.0.0.1:$(bed_json "$BED/peer.ready" port)/" 5 "$BED/ca.pem"
  bed_wait 30 'the client to be up' test -e "$BED/gate.up"
  telltale_config tt "$BED_CGROUP/$1"
  telltale_start tt
  touch "$BED/gate"
  bed_wait 30 'the Prepares to have left' test -e "$BED/gate.sent"
  bed_wait 30 'them to be seen' test_metric 5 tt telltale_records_total 'type="message"'
  [ "$(ended)" = 0 ]
  kill -KILL "$(bed_pid "$1")"
  # Long before their time is up.
  bed_wait 30 'them to have ended' test_metric 5 tt telltale_exchanges_total 'outcome="closed"'
  telltale_stop tt
  [ "$(ended_in_truth)" = '5 of 5' ]
}

ended_in_truth() {
  python3 - "$BED/tt.truth" <<'PYTHON'
import json, sys
outcomes = json.load(open(sys.argv[1]))["outcomes"]
print(outcomes["closed"], "of", sum(outcomes.values()))
PYTHON
}

@test "TLS, the client killed: what it waited for is closed, each Prepare once" {
  killed client
}

@test "TLS, the server killed" {
  killed peer
}

# asynchronous sender|receiver: telltale watches one of the two, over HTTP/1.1, over HTTP/2 and over HTTP/2 inside TLS.
asynchronous() {
  mkdir -p "$BED_CGROUP/$1"
  bed_certificates
  telltale_config tt "$BED_CGROUP/$1"
  telltale_start tt
  telltale_follows_http2 tt
  asynchronous_over "$1" ''
  asynchronous_over "$1" ',"http2":true'
  asynchronous_over "$1" ",\"http2\":true,\"tls\":\"$BED\""
  [ "$(telltale_metric tt telltale_unmatched_total)" = 0 ]
  telltale_stop tt
  [ "$(bed_json "$BED/tt.truth" outcomes lost)" = "$(all_said unanswered)" ]
  [ "$(python3 -c 'import json, sys; print(sum(json.load(open(sys.argv[1]))["outcomes"].values()))' "$BED/tt.truth")" = \
    "$(all_said prepares)" ]
}

# asynchronous_over sender|receiver WIRE: WIRE is more of their configurations. What telltale has counted is then what
# all senders so far say.
asynchronous_over() {
  local node=$ROOT/tests/e2e/outcomes/asynchronous.js kind
  rm -f "$BED/receiver.ready" "$BED/gate"
  echo "{\"ready\":\"$BED/receiver.ready\"$2}" >"$BED/receiver.json"
  bed_spawn receiver node "$node" receiver "$BED/receiver.json"
  bed_wait 30 'the receiver' test -e "$BED/receiver.ready"
  echo "{\"url\":\"$(bed_json "$BED/receiver.ready" url)\",\"each\":50,\"gate\":\"$BED/gate\",
    \"ledger\":\"$BED/ledger\"$2}" >"$BED/sender.json"
  bed_spawn sender node "$node" sender "$BED/sender.json"
  [[ $2 != *tls* ]] || bed_wait 30 'its TLS library to be read' reads_tls_of "$1"
  touch "$BED/gate"
  bed_wait 120 'the sender to end' not bed_alive sender
  cat "$BED/sender.log" "$BED/ledger"
  cat "$BED/ledger" >>"$BED/ledgers"
  for kind in fulfilled rejected expired; do
    bed_wait 60 "what was $kind" test_metric "$(all_said $kind)" tt telltale_exchanges_total "outcome=\"$kind\""
  done
  bed_wait 60 'repeated replies' test_metric "$(all_said repeated)" tt telltale_repeated_total
  bed_stop receiver || true # by a signal
}

reads_tls_of() {
  grep -q "reading the TLS library of process $(bed_pid "$1") " "$BED/tt.log"
}

# all_said KEY: the sum of all ledgers.
all_said() {
  python3 -c "import json, sys; print(sum(json.loads(line)['$1'] for line in open(sys.argv[1])))" "$BED/ledgers"
}

@test "asynchronous replies, seen from the sender: paired by Request-Id, each Prepare ends once" {
  asynchronous sender
}

@test "asynchronous replies, seen from the receiver" {
  asynchronous receiver
}

@test "requests announced as ILP without a packet are counted, but not as exchanges" {
  mkdir -p "$BED_CGROUP/client"
  telltale_config tt "$BED_CGROUP/client"
  telltale_start tt
  # The peer ends when it cannot read a body, which does not matter to telltale.
  for body in 'no packet at all' ''; do
    rm -f "$BED/peer.ready"
    peer
    "$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/client" curl --silent --max-time 120 \
      --header 'Content-Type: application/octet-stream' --data-binary "$body" \
      "http://127.0.0.1:$(bed_json "$BED/peer.ready" port)/" || true
  done
  bed_wait 10 'them to be counted' test_metric 2 tt telltale_bad_requests_total
  [ "$(telltale_metric tt telltale_exchanges_total)" = 0 ]
  telltale_stop tt
}
