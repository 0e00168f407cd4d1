#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Who on this host speaks ILP, for an operator who does not know yet what to name.

load helper

# discovered NAME WORDS: whether the connector NAME, by its cgroup, was printed with these words.
discovered() {
  grep -qxF "  /${BED_CGROUP##*/}/$1 (node): $2" <<<"$output"
}

# all_discovered: whether one look saw all three.
all_discovered() {
  discovered alice 'sends over plain HTTP, TLS' && discovered bob 'receives over plain HTTP' &&
    discovered carol 'receives over TLS'
}

# looked: looks; whether all three were seen in that one look, or it failed, which $status says; for bed_wait.
looked() {
  run "$TELLTALE" discover --yes --for 10s
  ((status)) || all_discovered
}

@test "discover names who speaks ILP, over what, and as what target; no amount, address or token" {
  receiver bob
  receiver_tls carol
  bob=http://127.0.0.1:$(connector_port bob) carol=https://localhost:$(connector_port carol)
  sender alice "$bob" "$carol"
  mkdir "$BED_CGROUP/idle"
  # Without a pause, so that there is something to see at any time.
  load_begin
  bed_wait 30 'all three to be discovered' looked || true
  load_end
  echo "$output"
  [ "$status" = 0 ]
  all_discovered
  # What is printed to be pasted is a configuration.
  { echo 'listen: none'; sed -n '/^targets:$/,$p' <<<"$output" | grep -E "^targets:|${BED_CGROUP##*/}/"; } >"$BED/c.yaml"
  "$TELLTALE" check --print-config --config "$BED/c.yaml" >"$BED/printed"
  [ "$(grep -c -- '- cgroup: ' "$BED/printed")" = 3 ]
  # The names of cgroups, of other tests too, have numbers in them.
  run ! grep -E "test\.(alice|bob|carol)|secret-of|127\.0\.0\.1|localhost|$(connector_port bob)" \
    <<<"$(sed -E 's/telltale-test\.[0-9.]+//g' <<<"$output")"
  # Nothing stays.
  bpftool cgroup show "$(bed_cgroup_mount)" >"$BED/attached"
  run ! grep -E 'ingress_run|egress_run|socket_released' "$BED/attached"
}

@test "discover asks first: without a yes nothing is looked at" {
  run -2 "$TELLTALE" discover </dev/null
  [[ $output == *'agree with --yes'* ]]
  run -1 script --quiet --return --command "'$TELLTALE' discover" /dev/null <<<n
  [[ $output == *'Nothing was looked at'* ]]
  run -1 setpriv --bounding-set=-all --inh-caps=-all "$TELLTALE" discover --yes
  [[ $output == *'run as root'* ]]
}
