#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The local page in a browser, its history over restarts and faults, and `telltale top` on a terminal.
#
# shellcheck disable=SC2154,SC2034 # stderr is set by bats, BED_WITHIN read by lib.sh

load ../e2e/helper

setup_file() {
  make -s build/tests/page-serve build/venv/ready >&2
}

# in_browser CHECK [ARGUMENT...]: opens NAME's page and checks one thing of it (drive.js).
in_browser() {
  node "$ROOT/tests/page/drive.js" "$(page_url)" "$@"
}

page_url() {
  echo "http://$(sed -n 's/^listen: *//p' "$BED/tt.yaml")/"
}

# serve [LINE...]: the page of a node that has run for a year, or with SERVE_AS=new has waited for a quarter of an hour
# (serve.c), ready when this returns.
serve() {
  mkdir -p "$BED/tt.state"
  {
    printf 'enabled: true\ninstance: cloud-nine\ntargets: [{pid: 1}]\n'
    printf 'state_dir: %s\nrun_dir: %s\nexport_interval: 1s\n' "$BED/tt.state" "$BED"
    if (($#)); then printf '%s\n' "$@"; else printf 'listen: 127.0.0.1:%s\n' "$(bed_free_port)"; fi
  } >"$BED/tt.yaml"
  bed_spawn tt "$ROOT/build/tests/page-serve" "$BED/tt.yaml" ${SERVE_AS:+"$SERVE_AS"}
  bed_wait 120 'the page of a year' served
}

served() {
  if [[ $(page_url) == http://unix:* ]]; then
    curl --silent --fail --unix-socket "$BED/page.sock" http://localhost/status.json
  else
    curl --silent --fail "${SHOW[@]}" "$(page_url | sed 's/0\.0\.0\.0/127.0.0.1/')status.json"
  fi
}
SHOW=()

# on_terminal SCRIPT COMMAND...: on one of 80 columns and 24 lines (terminal.py).
on_terminal() {
  "$ROOT/build/venv/bin/python" "$ROOT/tests/page/terminal.py" 80x24 "$@"
}

top_there() {
  on_terminal "$1" "$TELLTALE" top --config "$BED/tt.yaml"
}

# paid CONNECTOR WANT: telltale counts as many payments as the connectors did.
paid() {
  test_metric "$1" tt transactions_total
}

@test "the page shows what was counted and exported, and a kill and a restart lose nothing of it" {
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  sender alice "$url"
  collector_start net
  telltale_config tt "$(connector_cgroup alice)" 'profile: {columns: true}' endpoints: "$(telltale_endpoint "$(collector_url net)" network)"
  telltale_start tt
  connector_pay alice "{\"payments\":3,\"concurrency\":1,$(to "$url")}"
  connector_pay alice "{\"payments\":21,\"concurrency\":4,$(to "$url")}"
  first=$(connector_truth alice originated transactions)
  bed_wait 60 'the payments on /metrics' paid "$first"
  run --separate-stderr in_browser figures "$first"
  echo "$output $stderr"
  [[ $status == 0 && $output == *'"health":"good"'* ]]
  # The same on a terminal: exports delivered, how long ago, how long they took, how many bytes.
  run --separate-stderr top_there 'wait:live;wait:Delivered;show;key:q;end'
  echo "$output"
  [[ $output =~ 'network   '$(collector_url net)' '+[0-9,]+' '+[0-9]+' s '+[0-9.]+' '(ms|s)' '+[0-9.]+' '(B|kB)$'\n' ]]
  # How the peer does, and where a packet's time goes.
  run --separate-stderr top_there "wait:live;key:p;wait:Peers, since the start;wait:${url#http://}/;wait:peer and wire;wait:p: all;show;key:p;wait:Outcomes;key:q;end"
  echo "$output"
  [[ $output == *'status 0'* ]]
  # The memory it uses with page and history in use.
  memory=$(telltale_memory tt)
  echo "# telltale's two halves take $memory kB with page and history" >&3
  ((memory <= 45 * 1024))

  bed_stop tt KILL || true
  telltale_start tt
  connector_pay alice "{\"payments\":12,\"concurrency\":4,$(to "$url")}"
  all=$(connector_truth alice originated transactions)
  bed_wait 60 'the later payments on /metrics' paid $((all - first))
  in_browser hour "$all"
}

# with_little_room NAME: processes started through BED_WITHIN have a file system of 1 MiB as NAME's state_dir,
# in a mount namespace that lives until the test ends; from outside, $THERE is that directory.
with_little_room() {
  # shellcheck disable=SC2016 # $1 is of the shell that is started
  bed_spawn room unshare --mount --propagation private sh -c \
    'mount -t tmpfs -o size=1m,mode=700 none "$1" && echo made && exec sleep infinity' sh "$BED/$1.state"
  bed_wait 10 'a file system of its own' grep -q made "$BED/room.log"
  BED_WITHIN=(nsenter --mount --target "$(bed_pid room)")
  THERE=/proc/$(bed_pid room)/root$BED/$1.state
}

# history_holds WANT TROUBLE: whether the hour has WANT transactions and the page reports TROUBLE (a pattern)
# with its history.
# shellcheck disable=SC2053 # TROUBLE is one
history_holds() {
  served >"$BED/status" && [[ $(bed_json "$BED/status" windows own 0 transactions) == "$1" ]] &&
    [[ $(bed_json "$BED/status" history trouble) == $2 ]]
}

@test "a damaged history is set aside, failed writes on a full file system are counted, and counting continues" {
  receiver bob
  url=http://127.0.0.1:$(connector_port bob)
  sender alice "$url"
  telltale_config tt "$(connector_cgroup alice)"
  with_little_room tt
  head -c 100000 /dev/urandom >"$BED/rubbish"
  cp "$BED/rubbish" "$THERE/history.db"
  telltale_start tt
  BED_WITHIN=()
  bed_wait 30 'the damaged file aside' cmp "$BED/rubbish" "$THERE/history.db.set-aside"
  bed_wait 30 'the fault on /metrics' test_metric 1 tt telltale_history_failures_total 'event="corrupt"'
  in_browser notice 'the history begins anew'

  run ! dd if=/dev/zero of="$THERE/filler" bs=64k status=none
  connector_pay alice "{\"payments\":12,\"concurrency\":4,$(to "$url")}"
  all=$(connector_truth alice originated transactions)
  bed_wait 60 'the payments on /metrics' paid "$all"
  bed_wait 30 'the failed write on /metrics' at_least 1 telltale_metric tt telltale_history_failures_total 'event="unsaved"'
  in_browser notice 'cannot write'
  in_browser notice 'Figures end at'
  history_holds 0 '*disk is full*'
  rm "$THERE/filler"
  bed_wait 30 'the history with everything in it' history_holds "$all" ''
  in_browser hour "$all"
  telltale_stop tt
  exactly tt alice
  [[ ! -e $THERE/history.db-wal ]]
  # Not through $THERE: SQLite would resolve its path to one outside.
  nsenter --mount --target "$(bed_pid room)" python3 - "$BED/tt.state/history.db" "$all" <<'PYTHON'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
for table in ("minutes", "hours"):
    assert db.execute(f"SELECT SUM(transactions) FROM {table} WHERE view = 0").fetchone() == (int(sys.argv[2]),)
PYTHON
}

@test "figures of livenet are not on testnet's page, which says since when it has figures" {
  serve "listen: 127.0.0.1:$(bed_free_port)" 'network: livenet' 'livenet_enabled: true'
  served >"$BED/status"
  (($(bed_json "$BED/status" windows own 4 transactions) > 100000))
  in_browser notice 'priced or followed'
  bed_stop tt || true
  [[ -e $BED/tt.state/livenet/history.db && ! -e $BED/tt.state/history.db ]]
  SERVE_AS=new serve
  in_browser fresh
  [[ -e $BED/tt.state/history.db ]]
}

@test "the page has no barrier, works by keyboard and on a phone, and draws noise as noise" {
  serve "listen: 127.0.0.1:$(bed_free_port)" 'privacy: {mechanism: continual, hour_clip: 500000}' \
    endpoints: "$(telltale_endpoint http://127.0.0.1:1 network)"
  in_browser barriers+keyboard+phone+noisy+crosshair+downloads+zones+hostile+frozen
  in_browser outage "$(bed_pid tt)"
}

@test "beyond loopback the page needs a token, and gives nothing to other sites" {
  port=$(bed_free_port)
  run "$TELLTALE" check --config <(printf 'listen: 0.0.0.0:%s\n' "$port")
  echo "$output"
  [[ $status == 1 && $output == *'not a loopback address'*'listen_token'* ]]

  openssl rand -hex 32 >"$BED/token"
  chmod 600 "$BED/token"
  SHOW=(--header "Authorization: Bearer $(cat "$BED/token")")
  serve "listen: 0.0.0.0:$port" "listen_token: $BED/token"
  for path in '' metrics status.json 'history.json?window=day' sent.json nothing; do
    [[ $(curl --silent --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$port/$path") == 401 ]]
  done
  sed -i 's/0\.0\.0\.0/127.0.0.1/' "$BED/tt.yaml"
  in_browser token "$(cat "$BED/token")"
  run --separate-stderr top_there 'wait:live;key:q;end'
  [[ $output == *'status 0'* ]]
  chmod 644 "$BED/token"
  run top_there 'wait:chmod 600;end'
  [[ $output == *'status 1'* ]]
  bed_stop tt || true

  SHOW=()
  serve
  [[ $(curl --silent --output /dev/null --write-out '%{http_code}' --header 'Host: evil.example' "$(page_url)status.json") == 403 ]]
  run curl --silent --include --header 'Origin: http://evil.example' "$(page_url)status.json"
  [[ $output == *'Cross-Origin-Resource-Policy: same-origin'* && $output != *Access-Control* ]]
  bed_stop tt || true

  serve "listen: unix:$BED/page.sock"
  [[ $(stat -c %a "$BED/page.sock") == 600 ]]
  run --separate-stderr top_there 'wait:live;key:q;end'
  [[ $output == *'status 0'* ]]
}

year_of_page() {
  curl --silent --fail "$(page_url)status.json" >"$BED/status" && bed_json "$BED/status" windows own 4 transactions
}

# printed ARGUMENT...: what `top` prints without a terminal.
printed() {
  "$TELLTALE" top --config "$BED/tt.yaml" "$@" </dev/null
}

# year_is_between SCREEN LEAST MOST: whether the year's line on SCREEN has a number from LEAST to MOST.
year_is_between() {
  grep 'Year ' <<<"${1//,/}" | grep -oE '[0-9]+' | awk -v least="$2" -v most="$3" \
    '$1 >= least && $1 <= most { found = 1 } END { exit !found }'
}

@test "top shows the same at 80x24, follows keys and the window's size, and ends cleanly" {
  serve "listen: 127.0.0.1:$(bed_free_port)" 'privacy: {mechanism: continual, hour_clip: 500000}' \
    endpoints: "$(telltale_endpoint http://127.0.0.1:1 network)"
  bed_wait 30 'a failed export' bash -c "curl -sf $(page_url)status.json | grep -q 'Connection refused'"
  before=$(year_of_page)
  # Compressed for a client that accepts it, and small.
  curl --silent --fail "$(page_url)" >"$BED/page"
  curl --silent --fail --header 'Accept-Encoding: br, gzip;q=0.5' "$(page_url)" >"$BED/page.gz"
  zcat "$BED/page.gz" | cmp - "$BED/page"
  (($(stat -c %s "$BED/page.gz") <= 60000))
  for path in metrics status.json 'history.json?window=year'; do
    curl --silent --fail --header 'Accept-Encoding: gzip' "$(page_url)$path" | gzip --test
    [[ $(curl --silent --head --header 'Accept-Encoding: gzip;q=0' "$(page_url)$path") != *Content-Encoding* ]]
  done
  run --separate-stderr top_there 'wait:live;wait:last hour;key:y;wait:last year;show;key:v;wait:v: for you;wait:not told to the network;gone:nothing was missed;key:v;wait:as the network;key:\x1bOC;wait:last hour;key:q;end'
  echo "$output $stderr"
  [[ $output == *'cloud-nine'*'Transactions by'*'Outcomes'*'Pay time'*'Not seen'*'Connection'*'status 0'*'cursor shown' ]]
  [[ $output == *'Delivered    Last    Took   Bytes'*'http://127.0.0.1:1 '*' in a row '*'B'* ]]
  # A figure without room is left out whole; never is a part of one shown.
  [[ $output =~ 'Outcomes  fulfilled '[0-9.]+'M  rejected '[0-9,]+'  expired '[0-9,]+'  no answer '[0-9,]+'  ..' ]]
  # The year is exactly the page's: it is between the page's figures from before and after.
  year_is_between "$output" "$before" "$(year_of_page)"

  # Once, for programs and for people, without a terminal.
  printed --json --window year --view network >"$BED/top.json"
  python3 - "$BED/top.json" "$before" <<'PYTHON'
import json, sys
top = json.load(open(sys.argv[1]))
year = top["status"]["windows"]["own"][4]
assert year["window"] == "year" and year["transactions"] >= int(sys.argv[2]), year
assert (top["history"]["window"], top["history"]["view"]) == ("year", "network"), top["history"]
parts = {c["part"]: c for c in top["status"]["conditions"]}
assert top["status"]["condition"] == parts["Exports"]["state"] == "bad" and parts["Exports"]["fix"], parts
PYTHON
  run -0 printed --once
  echo "$output"
  [[ $output == *'cloud-nine, testnet'*'Exports '*'bad '*'Connection refused'*$'\nyear '* ]]
  year_is_between "${output/$'\n'year /$'\n'Year }" "$before" "$(year_of_page)"
  run -1 printed
  [[ $output == *--once* ]]

  run --separate-stderr top_there 'wait:live;size:120x40;wait:failed;size:40x10;wait:too small;size:80x24;wait:Outcomes;signal:SIGINT;end'
  echo "$output $stderr"
  [[ $output == *'status 0'*'cursor shown' ]]
  run --separate-stderr top_there 'wait:live;signal:SIGTERM;end'
  echo "$output $stderr"
  [[ $output == *'status 0'*'cursor shown' ]]

  # When the daemon ends, its last figures stay on the screen, with a notice.
  run --separate-stderr top_there "wait:live;kill:$(bed_pid tt);wait:not connected;wait:no telltale answers;wait:Outcomes;key:q;end"
  echo "$output $stderr"
  [[ $output == *'status 0'* ]]
  run top_there 'wait:no telltale answers;end'
  echo "$output"
  [[ $output == *'status 1'* ]]
  run "$TELLTALE" top --config <(echo 'listen: none')
  [[ $status == 1 && $output == *'listen: none'* ]]
}
