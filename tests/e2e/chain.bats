#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Three nodes in a row, each with a telltale of its own, all exporting to one network collector: a
# payment is counted once, where it began.

load helper

# The spans that a collector got, as lines: service, trace, span, parent, name. To check what joins.
spans_of() {
  python3 - "$BED/$1.spans" <<'PYTHON'
import json, sys
for line in open(sys.argv[1]):
    for resource in json.loads(line)["resourceSpans"]:
        node = next(a["value"]["stringValue"] for a in resource["resource"]["attributes"] if a["key"] == "node")
        for span in resource["scopeSpans"][0]["spans"]:
            print(node, span["traceId"], span["spanId"], span.get("parentSpanId") or "-", span["name"].replace(" ", "_"))
PYTHON
}

# Whether each payment in the sample is a trace of A and C, which have one key and so one sample: what A sent out came
# in at C, which has sent on what it did not refuse. B has another key, other traces and another sample.
one_trace() {
  spans_of own | sort -u >"$BED/spans"
  python3 - "$BED/spans" <<'PYTHON'
import sys
spans = [line.split() for line in open(sys.argv[1])]
of = lambda node, name: {(trace, span): parent for n, trace, span, parent, what in spans if (n, what) == (node, name)}
out, relayed_in, relayed_out, received = of("alice", "packet_out"), of("carol", "packet_in"), of("carol", "packet_out"), of("bob", "packet_in")
traces = {trace for trace, _ in out}
assert traces and set(out.values()) == {"-"}, out
assert len(relayed_in) == len(out) and all((trace, parent) in out for (trace, _), parent in relayed_in.items())
assert relayed_out and all((trace, parent) in relayed_in for (trace, _), parent in relayed_out.items())
assert received and not traces & {trace for trace, _ in received}, "bob has no key"
assert not {span for _, span in relayed_out} & set(received.values()), "bob has no key"
PYTHON
}

# NODE METRIC: prints the metric's sums for incoming, outgoing and routed packets.
by_operation() {
  local operation
  for operation in incoming_payment outgoing_payment routing; do
    telltale_metric "tt-$1" "$2" "operation=\"$operation\""
  done
}

# METRIC KEY: whether each packet that alice sent (KEY of her own count: prepares, rejects) is outgoing at alice, at
# carol routed or, where carol has refused it, incoming, and incoming at bob.
operations_agree() {
  local at_alice at_carol at_bob sent=0 part
  for part in "$2" "probe_$2" "zero $2"; do
    # shellcheck disable=SC2086 # two words
    sent=$((sent + $(connector_truth alice originated $part)))
  done
  mapfile -t at_alice < <(by_operation alice "$1")
  mapfile -t at_carol < <(by_operation carol "$1")
  mapfile -t at_bob < <(by_operation bob "$1")
  echo "$1: alice sent $sent; alice ${at_alice[*]}, carol ${at_carol[*]}, bob ${at_bob[*]}" >"$BED/operations.log"
  [[ ${at_alice[*]} == "0 $sent 0" && ${at_carol[*]} == "$((sent - at_bob[0])) 0 ${at_bob[0]}" && ${at_bob[*]:1} == '0 0' ]] &&
    ((at_bob[0] > 0 && at_bob[0] < sent))
}

# network_sum METRIC: what the network's collector has of it from all three.
network_sum() {
  local node sum=0 part
  for node in alice carol bob; do
    part=$(collector_sum network "$1" "source=tt-$node") || return
    sum=$((sum + part))
  done
  echo $sum
}

@test "A pays B through C: the network gets what A originated, and nothing of C's or B's; nodes with one key make one trace" {
  receiver bob
  bob=http://127.0.0.1:$(connector_port bob)
  forwarder carol "$bob" '"reject":{"max_amount":"1000000","code":"T04","fraction":0.02}'
  sender alice "http://127.0.0.1:$(connector_port carol)"
  collector_start network
  collector_start own
  (umask 077 && echo 00112233445566778899aabbccddeeff >"$BED/shared.key" && openssl rand -hex 16 >"$BED/bob.key")
  for node in alice carol bob; do
    key=$BED/shared.key
    [ $node != bob ] || key=$BED/bob.key
    telltale_config "tt-$node" "$(connector_cgroup $node)" "resource: {node: $node}" \
      "profile: {traces: {key_file: $key, sample: 0.3, slowest: 0}}" 'endpoints:' \
      "$(telltale_endpoint "$(collector_url network)" network)" \
      "$(telltale_endpoint "$(collector_url own)" own)" '    traces: true'
    telltale_start "tt-$node"
  done

  connector_pay alice "{\"payments\":48,\"concurrency\":16,$(to "$bob")}"
  bed_wait 20 'carol to be seen forwarding' \
    test_metric 48 tt-carol telltale_transactions_total 'origin="forwarded"'
  bed_wait 20 'bob to be seen receiving' \
    test_metric 48 tt-bob telltale_transactions_total 'origin="received"'
  bed_wait 20 'the traces to join' one_trace
  test_metric 0 tt-carol telltale_spans_dropped_total
  bed_wait 20 'each packet to have its operation' operations_agree ilp_prepare_packet_processing_ms_count prepares
  bed_wait 20 'each Reject to have its operation' operations_agree telltale_rejects_total rejects
  for node in alice carol bob; do telltale_stop "tt-$node"; done

  # Nothing of a trace is among what the network got.
  [ ! -s "$BED/network.spans" ]
  run ! grep -qE 'traceId|packet in|packet out' "$BED/network.otlp"
  run ! grep -qFf <(cut -d ' ' -f 2 "$BED/spans" | sort -u) "$BED/network.otlp"

  exactly tt-alice alice
  for node in carol bob; do
    [ "$(telltale_truth tt-$node transactions)" = 0 ]
    [ "$(telltale_truth tt-$node prepares)" = 0 ]
    [ "$(telltale_truth tt-$node value)" = 0 ]
  done
  # Each sent its last export when it ended; one line of the file holds one instance's.
  for metric in transactions_total packet_count_prepare packet_count_fulfill packet_count_reject; do
    key=${metric#packet_count_}
    key=${key%_total}
    [ "$key" = transactions ] || key+=s
    bed_wait 20 "the network to have all of $metric" same network_sum $metric -- connector_truth alice originated "$key"
    echo "$metric: network $(network_sum $metric)"
  done
}

@test "what goes to the network's collector carries nothing of the operator's own view" {
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  sender alice "$url"
  collector_start network
  collector_start own
  telltale_config tt "$(connector_cgroup alice)" 'profile: {columns: true}' 'endpoints:' \
    "$(telltale_endpoint "$(collector_url network)" network)" \
    "$(telltale_endpoint "$(collector_url own)" own)"
  telltale_start tt
  connector_pay alice "{\"payments\":4,\"concurrency\":2,$(to "$url")}"
  telltale_stop tt
  # A Collector writes what it got a moment later. The last export has all of it.
  bed_wait 20 'the last export to the own one' same echo 4 -- collector_sum own transactions_total
  bed_wait 20 'and to the network' same echo 4 -- collector_sum network transactions_total
  collector_sum own telltale_records_total
  run ! collector_sum network telltale_records_total
  run ! collector_sum network telltale_exchanges_total
  # Where a packet's time goes, peer by peer, and what telltale itself takes: not a name of it.
  local name
  for name in hops column_ms clocks peer_exchanges peer_ms in_hand_ns programs_timed cpu_ms; do
    grep -q "telltale_$name" "$BED/own.otlp"
    run ! grep -q "telltale_$name" "$BED/network.otlp"
  done
}
