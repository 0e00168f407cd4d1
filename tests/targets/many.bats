#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# As many targets as there may be, and one more.

load ../e2e/helper

MOST=256

# listed: how many targets telltale's configuration has.
listed() {
  grep -c '^  - cgroup: ' "$BED/tt.yaml"
}

# configure FIRST LAST: these two targets, and between them as many as there is room for.
configure() {
  local i
  telltale_config tt "$1"
  for ((i = 2; i < MOST; i++)); do
    mkdir "$BED_CGROUP/idle.$i"
    echo "  - cgroup: $BED_CGROUP/idle.$i"
  done >"$BED/idle"
  echo "  - cgroup: $2" >>"$BED/idle"
  sed -i "/^  - cgroup: /r $BED/idle" "$BED/tt.yaml"
  [ "$(listed)" = "$MOST" ]
}

# states STATE: how many targets the page shows in this state.
states() {
  local listen
  listen=$(sed -n 's/^listen: *//p' "$BED/tt.yaml")
  curl --silent --fail "http://$listen/status.json" |
    python3 -c 'import json, sys; print(sum(t["state"] == sys.argv[1] for t in json.load(sys.stdin)["targets"]))' "$1"
}

@test "256 targets: all are attached and shown, and what the first and the last send is counted exactly" {
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  sender alice "$url"
  sender carol "$url"
  configure "$(connector_cgroup alice)" "$(connector_cgroup carol)"

  # Nothing of what shows them breaks.
  run -0 "$TELLTALE" check --config "$BED/tt.yaml"
  [ "$(grep -c '^warn\|^ok' <<<"$output")" -gt "$MOST" ]
  grep -qE "^ok +memory .* for $MOST targets, with room for 4096 TLS connections" <<<"$output"
  grep -qE "^ok +target .*carol: 1 process whose TLS" <<<"$output"
  telltale_start tt
  grep -q "ready: watching $MOST targets" "$BED/tt.log"
  [ "$(bpftool cgroup tree "$BED_CGROUP" | grep -c ingress_run)" = "$MOST" ]
  bed_wait 20 'all to be shown' test_metric "$MOST" tt telltale_target_cgroups
  [ "$(telltale_metric tt telltale_targets_missing)" = 0 ]
  [ "$(states attached)" = "$MOST" ]
  "$TELLTALE" top --once --config "$BED/tt.yaml" | grep -q "$MOST attached"

  connector_pay alice "{\"payments\":10,\"concurrency\":5,$(to "$url")}"
  connector_pay carol "{\"payments\":20,\"concurrency\":5,$(to "$url")}"
  rmdir "$BED_CGROUP/idle.200"
  bed_wait 10 'the removal' test_metric 1 tt telltale_targets_missing
  [ "$(states gone)" = 1 ]
  telltale_stop tt
  connector_count alice
  connector_count carol
  python3 - "$BED/tt.truth" "$BED/alice.count" "$BED/carol.count" <<'PYTHON'
import json, sys
seen, *own = (json.load(open(f)) for f in sys.argv[1:])
for key in "transactions prepares fulfills rejects value probe_prepares probe_rejects".split():
    each = [o["originated"][key] for o in own]
    print(key, seen[key], each)
    assert seen[key] == sum(each), key
assert [o["originated"]["transactions"] for o in own] == [10, 20]
PYTHON

  sed -i "/^  - cgroup: .*idle.2\$/i \  - cgroup: $BED_CGROUP/more" "$BED/tt.yaml"
  run -1 "$TELLTALE" run --config "$BED/tt.yaml"
  [[ $output == *"targets: has 257 items; at most $MOST are possible"* ]]
}
