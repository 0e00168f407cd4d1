#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Who on this host speaks ILP, for an operator who does not know yet what to name.

load helper

# discovered NAME WORDS: whether the connector NAME, by its cgroup, was printed with these words.
discovered() {
  grep -qxF "  /${BED_CGROUP##*/}/$1 (node): $2" <<<"$output"
}

@test "discover names who speaks ILP, over what, and as what target; no amount, address or token" {
  receiver bob
  receiver_tls carol
  bob=http://127.0.0.1:$(connector_port bob) carol=https://localhost:$(connector_port carol)
  sender alice "$bob" "$carol"
  mkdir "$BED_CGROUP/idle"
  (until [[ -e $BED/enough ]]; do
    connector_pay alice "{\"payments\":4,\"concurrency\":2,$(to "$bob" "$carol")}" || exit
  done) 3>&- 4>&- &
  payer=$!
  run "$TELLTALE" discover --yes --for 5s
  touch "$BED/enough"
  wait $payer
  echo "$output"
  [ "$status" = 0 ]
  discovered alice 'sends over plain HTTP, TLS'
  discovered bob 'receives over plain HTTP'
  discovered carol 'receives over TLS'
  # What is printed to be pasted is a configuration.
  { echo 'listen: none'; sed -n '/^targets:$/,$p' <<<"$output" | grep -E "^targets:|${BED_CGROUP##*/}/"; } >"$BED/c.yaml"
  "$TELLTALE" check --print-config --config "$BED/c.yaml" >"$BED/printed"
  [ "$(grep -c -- '- cgroup: ' "$BED/printed")" = 3 ]
  run ! grep -E "test\.(alice|bob|carol)|secret-of|127\.0\.0\.1|localhost|$(connector_port bob)" <<<"$output"
  # Nothing stays.
  bpftool cgroup show "$(bed_cgroup_mount)" >"$BED/attached"
  run ! grep -E 'ingress_run|egress_run' "$BED/attached"
}

@test "discover asks first: without a yes nothing is looked at" {
  run -2 "$TELLTALE" discover </dev/null
  [[ $output == *'agree with --yes'* ]]
  run -1 script --quiet --return --command "'$TELLTALE' discover" /dev/null <<<n
  [[ $output == *'Nothing was looked at'* ]]
  run -1 setpriv --bounding-set=-all --inh-caps=-all "$TELLTALE" discover --yes
  [[ $output == *'run as root'* ]]
}
