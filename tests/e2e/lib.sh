# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Starts and stops the parts of an end-to-end run: connectors each in a cgroup of their own, the
# OpenTelemetry Collector, Prometheus, telltale. Sourced by the bats files and by scripts/demo.
#
#   bed_init DIR    everything of this run lives in DIR and in one cgroup; call first
#   bed_fini        ends and removes all of it; safe to call twice, and in a trap
#
# A process is known by the name it was started under: DIR/NAME.pid, DIR/NAME.log.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PARTS=$ROOT/build/parts
TELLTALE=${TELLTALE:-$ROOT/build/telltale}

# --- general ------------------------------------------------------------------------------------

bed_init() {
  BED=$1
  mkdir -p "$BED"
  [[ -p $BED/nothing ]] || mkfifo "$BED/nothing"
  bed_cgroup_make
}

# Makes the cgroup of this shell's bed. Its name says which run made it, if scripts/check did, and which shell.
bed_cgroup_make() {
  BED_CGROUP=$(bed_cgroup_mount)/telltale-test.${BED_RUN:-0}.$$.$RANDOM
  mkdir -p "$BED_CGROUP"
}

bed_fini() {
  [[ -n ${BED:-} ]] || return 0
  # The shell would name each process it finds killed.
  { bed_end "$BED_CGROUP"; wait; } 2>/dev/null || true
  BED=
}

# Ends all processes in and below a cgroup, whoever started them, and removes it.
bed_end() {
  local dir pid
  for _ in {1..2400}; do
    # What is still there, each time: somebody may make a cgroup meanwhile.
    while read -r dir; do
      # 0: of a PID namespace that is not seen from here
      while read -r pid; do ((pid == 0)) || kill -KILL "$pid" 2>/dev/null || true; done 2>/dev/null <"$dir/cgroup.procs"
      rmdir "$dir" 2>/dev/null || true
    done < <(find "$1" -depth -type d 2>/dev/null)
    if [[ ! -d $1 ]]; then break; else sleep 0.05; fi
  done
}

# bed_orphans [RUN]: prints the cgroups of beds that RUN made; without it those of any run whose shell was killed before it
# could clean up.
bed_orphans() {
  local dir run pid
  for dir in "$(bed_cgroup_mount)"/telltale-test.*; do
    [[ -d $dir ]] || continue
    IFS=. read -r run pid _ <<<"${dir##*/telltale-test.}"
    if [[ -n ${1:-} ]]; then
      [[ $run == "$1" ]] || continue
    elif [[ -d /proc/$pid ]] || grep -qrsx 0 "$dir" --include=cgroup.procs; then
      continue # its shell lives, or may live in a PID namespace that is not seen from here
    fi
    echo "$dir"
  done
}

# Prints where cgroup v2 is mounted, also when it is not the only hierarchy.
bed_cgroup_mount() {
  awk '{ for (i = 7; i < NF; i++) if ($i == "-" && $(i + 1) == "cgroup2") { print $5; exit } }' \
    /proc/self/mountinfo
}

# bed_wait SECONDS WHAT COMMAND...: runs COMMAND until it succeeds, or says what did not happen. SECONDS are
# for an idle machine; three times as many are allowed, and at least two minutes, because the deadline is to
# end a hang and not to measure speed. Between two calls it pauses three times as long as the last one took, so that
# the calls do not delay what is waited for, and what others wait for beside it.
bed_wait() {
  local deadline begun took what=$2
  deadline=$((SECONDS + (3 * $1 > 120 ? 3 * $1 : 120)))
  shift 2
  while begun=${EPOCHREALTIME//[^0-9]/} && ! "$@" >/dev/null 2>&1; do
    if ((SECONDS >= deadline)); then
      echo "timed out waiting for $what, at a load of $(cut -d ' ' -f 1-3 /proc/loadavg)" >&2
      return 1
    fi
    took=$((3 * (${EPOCHREALTIME//[^0-9]/} - begun)))
    ((took > 50000)) || took=50000
    ((took < 1000000)) || took=999999
    printf -v took '0.%06d' $took
    bed_pause "$took"
  done
}

# bed_pause SECONDS: as sleep, without a process of its own where there is a bed.
bed_pause() {
  if [[ -p ${BED:-}/nothing ]]; then
    read -rt "$1" <>"$BED/nothing" || true
  else
    sleep "$1"
  fi
}

# bed_json FILE KEY...: prints one value of a JSON file; prints nothing and fails when it is not there.
bed_json() {
  python3 - "$@" <<'PYTHON'
import json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2:]:
    try:
        value = value[int(key) if isinstance(value, list) else key]
    except (KeyError, IndexError, TypeError):
        sys.exit(1)
print(value if not isinstance(value, (dict, list)) else json.dumps(value, sort_keys=True))
PYTHON
}

# What commands are started through, in their cgroup: nsenter into a network namespace, say.
BED_WITHIN=()

# bed_spawn NAME COMMAND...: starts COMMAND in the background, in a cgroup of its own; keeps no descriptor of
# bats open.
bed_spawn() {
  local name=$1
  shift
  mkdir -p "$BED_CGROUP/$name"
  : >"$BED/$name.log" # before anybody looks for what an earlier one said
  "$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/$name" "${BED_WITHIN[@]}" "$@" >"$BED/$name.log" 2>&1 3>&- 4>&- </dev/null &
  echo $! >"$BED/$name.pid"
}

bed_pid() {
  cat "$BED/$1.pid"
}

bed_alive() {
  kill -0 "$(bed_pid "$1")" 2>/dev/null
}

# bed_stop NAME [SIGNAL]: ends a process, waits for it, and returns its exit status.
bed_stop() {
  local pid status=0
  pid=$(bed_pid "$1")
  kill -"${2:-TERM}" "$pid" 2>/dev/null || true
  # A process that ignores the signal must not hold up the run for ever.
  for _ in {1..2400}; do kill -0 "$pid" 2>/dev/null || break; bed_pause 0.05; done
  if kill -0 "$pid" 2>/dev/null; then
    echo "$1 ignored SIG${2:-TERM} for two minutes" >&2
    kill -KILL "$pid" 2>/dev/null || true
  fi
  wait "$pid" 2>/dev/null || status=$?
  return "$status"
}

# Prints a free port that the kernel gives to no outgoing connection and that no other test of this tree gets
# meanwhile: the tests take turns through all such ports.
bed_free_port() {
  python3 - "$ROOT/build" "${TMPDIR:-/tmp}" <<'PYTHON'
import fcntl, os, random, socket, sys
where = next(path for path in sys.argv[1:] if os.access(path, os.W_OK))
low = max(11000, int(open("/proc/sys/net/ipv4/ip_local_port_range").read().split()[0]))
with open(f"{where}/telltale-port.{os.geteuid()}", "a+") as last:
    fcntl.flock(last, fcntl.LOCK_EX)
    last.seek(0)
    port = int(last.read() or random.randrange(10000, low))
    while True:
        port = port + 1 if port + 1 < low else 10000
        try:
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
            break
        except OSError:
            pass
    last.truncate(0)
    last.write(str(port))
print(port)
PYTHON
}

bed_has_ipv6() {
  grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6 2>/dev/null
}

# Prints what a server must listen on to be reached at 127.0.0.1 and, if this host has it, ::1.
bed_any_address() {
  if bed_has_ipv6; then echo ::; else echo 0.0.0.0; fi
}

# Makes a certificate authority and a server's certificate for localhost: ca.pem, server.pem, server.key.
bed_certificates() {
  [[ -e $BED/server.pem ]] && return
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=test bed' \
    -addext basicConstraints=critical,CA:TRUE -keyout "$BED/ca.key" -out "$BED/ca.pem" 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=localhost' \
    -keyout "$BED/server.key" -out "$BED/server.csr" 2>/dev/null
  openssl x509 -req -in "$BED/server.csr" -CA "$BED/ca.pem" -CAkey "$BED/ca.key" -CAcreateserial \
    -days 2 -out "$BED/server.pem" 2>/dev/null \
    -extfile <(echo 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1')
}

# --- connectors ---------------------------------------------------------------------------------

# connector_start NAME JSON: a connector in a cgroup of its own, ready when this returns. JSON is
# main.js's configuration; name, ready and truth are filled in. It runs on the Node.js that
# NODE names, else on that of the PATH.
connector_start() {
  local name=$1
  rm -f "$BED/$name.ready"
  python3 - "$BED" "$name" "$2" >"$BED/$name.json" <<'PYTHON' || return
import json, sys
bed, name, text = sys.argv[1:]
config = json.loads(text)
config.update(name=name, ready=f"{bed}/{name}.ready", truth=f"{bed}/{name}.end")
print(json.dumps(config, indent=1))
PYTHON
  bed_spawn "$name" "${NODE:-node}" "$ROOT/tests/e2e/connector/main.js" "$BED/$name.json"
  bed_wait 120 "connector $name" test -e "$BED/$name.ready" || {
    cat "$BED/$name.log" >&2
    return 1
  }
}

connector_port() {
  bed_json "$BED/$1.ready" port
}

# The path of a connector's cgroup.
connector_cgroup() {
  echo "$BED_CGROUP/$1"
}

# connector_ask NAME PATH OPTION...: asks a connector over its own loopback, whatever network namespace it is in.
connector_ask() {
  nsenter --net --target "$(bed_pid "$1")" curl --silent --noproxy '*' "${@:3}" \
    "http://127.0.0.1:$(bed_json "$BED/$1.ready" control)/$2"
}

# connector_do NAME pay|hammer JSON: makes a connector pay; fails when any payment failed. The answer is in
# NAME.did.
connector_do() {
  local name=$1 action=$2
  connector_ask "$name" "$action" --show-error --fail-with-body --max-time 1200 --data "$3" >"$BED/$name.did" || {
    cat "$BED/$name.did" >&2
    return 1
  }
  [[ $(bed_json "$BED/$name.did" failed) == 0 ]] || {
    cat "$BED/$name.did" >&2
    return 1
  }
}

connector_pay() {
  connector_do "$1" pay "$2"
}

connector_hammer() {
  connector_do "$1" hammer "$2"
}

# connector_count NAME: writes what the connector itself has counted so far to NAME.count.
connector_count() {
  connector_ask "$1" truth --fail >"$BED/$1.count"
}

# connector_truth NAME KEY...: prints one of the connector's figures as it is now.
connector_truth() {
  connector_count "$1" && bed_json "$BED/$1.count" "${@:2}"
}

# --- collector, Prometheus ----------------------------------------------------------------------

# collector_start NAME [REMOTE_WRITE_URL]: OTLP over gRPC in; a line of JSON per export in NAME.otlp, and of traces in
# NAME.spans,
# Prometheus text on collector_metrics, and remote write where a URL is given. With the bed's certificate where
# COLLECTOR_TLS is its folder.
collector_start() {
  local name=$1 remote_write=${2:-} otlp metrics health exporters='file, prometheus'
  # A second start under the same name is a restart, at the same address.
  if [[ -e $BED/$name.port ]]; then otlp=$(cat "$BED/$name.port"); else otlp=$(bed_free_port); fi
  metrics=$(bed_free_port) health=$(bed_free_port)
  printf '%s\n' "$otlp" >"$BED/$name.port"
  printf '%s\n' "$metrics" >"$BED/$name.metrics-port"
  {
    printf 'receivers:\n  otlp:\n    protocols:\n      grpc:\n        endpoint: 127.0.0.1:%s\n' "$otlp"
    [[ -z ${COLLECTOR_TLS:-} ]] ||
      printf '        tls: {cert_file: %s/server.pem, key_file: %s/server.key}\n' "$COLLECTOR_TLS" "$COLLECTOR_TLS"
    printf 'exporters:\n  file:\n    path: %s\n    flush_interval: 100ms\n' "$BED/$name.otlp"
    printf '  file/traces:\n    path: %s\n    flush_interval: 100ms\n' "$BED/$name.spans"
    printf '  prometheus:\n    endpoint: 127.0.0.1:%s\n' "$metrics"
    if [[ -n $remote_write ]]; then
      exporters+=', prometheusremotewrite'
      printf '  prometheusremotewrite:\n    endpoint: %s\n' "$remote_write"
    fi
    printf 'extensions:\n  health_check:\n    endpoint: 127.0.0.1:%s\n' "$health"
    printf 'service:\n  extensions: [health_check]\n'
    printf '  telemetry:\n    metrics:\n      level: none\n'
    printf '  pipelines:\n    metrics:\n      receivers: [otlp]\n      exporters: [%s]\n' "$exporters"
    printf '    traces:\n      receivers: [otlp]\n      exporters: [file/traces]\n'
  } >"$BED/$name.yaml"
  bed_spawn "$name" "$PARTS/otelcol" --config "$BED/$name.yaml"
  bed_wait 60 "collector $name" curl --silent --fail "http://127.0.0.1:$health/" || {
    cat "$BED/$name.log" >&2
    return 1
  }
}

collector_url() {
  echo "http://127.0.0.1:$(cat "$BED/$1.port")"
}

# How many exports a collector has received.
collector_exports() {
  if [[ -e $BED/$1.otlp ]]; then wc -l <"$BED/$1.otlp"; else echo 0; fi
}

# collector_sum NAME METRIC [KEY=VALUE...]: the newest value a collector received for a sum or gauge,
# added up over the points that carry these attributes; fails while it has received none.
collector_sum() {
  python3 - "$BED/$1.otlp" "${@:2}" <<'PYTHON'
import json, sys
path, name, wanted = sys.argv[1], sys.argv[2], dict(a.split("=", 1) for a in sys.argv[3:])
newest = None
for line in open(path):
    try:
        export = json.loads(line)
    except ValueError:
        continue  # still being written
    total = None
    for resource in export["resourceMetrics"]:
        for scope in resource["scopeMetrics"]:
            for metric in scope["metrics"]:
                if metric["name"] != name:
                    continue
                for point in (metric.get("sum") or metric.get("gauge"))["dataPoints"]:
                    attributes = {a["key"]: a["value"].get("stringValue") for a in point.get("attributes", [])}
                    if all(attributes.get(k) == v for k, v in wanted.items()):
                        total = (total or 0) + int(point.get("asInt", point.get("asDouble", 0)))
    newest = total if total is not None else newest
if newest is None:
    sys.exit(f"{path}: no {name} received")
print(newest)
PYTHON
}

# prometheus_start: a server that takes remote writes.
prometheus_start() {
  local port
  port=$(bed_free_port)
  echo "$port" >"$BED/prometheus.port"
  printf 'global:\n  scrape_interval: 1s\n' >"$BED/prometheus.yaml"
  bed_spawn prometheus "$PARTS/prometheus" --config.file="$BED/prometheus.yaml" \
    --storage.tsdb.path="$BED/prometheus.tsdb" --web.enable-remote-write-receiver \
    --web.listen-address="127.0.0.1:$port"
  bed_wait 60 Prometheus curl --silent --fail "http://127.0.0.1:$port/-/ready" || {
    cat "$BED/prometheus.log" >&2
    return 1
  }
}

prometheus_url() {
  echo "http://127.0.0.1:$(cat "$BED/prometheus.port")"
}

# prometheus_value EXPRESSION: prints the single value that EXPRESSION has now.
prometheus_value() {
  curl --silent --fail "$(prometheus_url)/api/v1/query" --data-urlencode "query=$1" >"$BED/query.json" &&
    bed_json "$BED/query.json" data result 0 value 1
}

# --- telltale -----------------------------------------------------------------------------------

# telltale_config NAME CGROUP [LINE...]: writes a configuration for one target. The lines of YAML are added
# unchanged after what every run needs. Amounts are in EUR unless a line says otherwise.
telltale_config() {
  local name=$1 cgroup=$2
  shift 2
  mkdir -p "$BED/$name.state" "$BED/$name.runtime"
  chmod 700 "$BED/$name.state" "$BED/$name.runtime"
  echo '{"base": "USD", "rates": {"EUR": 0.813399, "GBP": 0.741}}' >"$BED/rates.json"
  {
    printf 'enabled: true\ninstance: %s\nnetwork: testnet\n' "$name"
    printf 'targets:\n  - cgroup: %s\n' "$cgroup"
    printf 'default_asset: {code: EUR, scale: 6}\n'
    printf 'rates:\n  operator: %s\n' "$BED/rates.json"
    printf 'state_dir: %s\nrun_dir: %s\n' "$BED/$name.state" "$BED/$name.runtime"
    printf 'listen: 127.0.0.1:%s\n' "$(bed_free_port)"
    printf 'export_interval: 1s\n'
    (($# == 0)) || printf '%s\n' "$@"
  } >"$BED/$name.yaml"
}

# telltale_endpoint URL AUDIENCE [TIMEOUT]: prints one item of the list `endpoints:`.
telltale_endpoint() {
  printf '  - url: %s\n    audience: %s\n    timeout: %s\n' "$1" "$2" "${3:-10s}"
}

# telltale_spawn NAME [VARIABLE=VALUE...]: runs it with NAME's configuration and this environment only.
telltale_spawn() {
  local name=$1
  shift
  bed_spawn "$name" env -i PATH="$PATH" "$@" "$TELLTALE" run --config "$BED/$name.yaml" \
    --truth "$BED/$name.truth"
}

# telltale_start NAME [VARIABLE=VALUE...]: the same, and ready when this returns.
telltale_start() {
  telltale_spawn "$@"
  bed_wait 120 "telltale $1 to end or be ready" telltale_settled "$1"
  telltale_ready "$1" || {
    cat "$BED/$1.log" >&2
    return 1
  }
}

# Prints the process number of telltale's daemon half. bed_pid has that of the probe half, its parent.
telltale_daemon_pid() {
  pgrep --parent "$(bed_pid "$1")"
}

# telltale_signal NAME SIGNAL: to both halves at once.
telltale_signal() {
  kill -"$2" "$(bed_pid "$1")" "$(telltale_daemon_pid "$1")"
}

# bed_memory PID...: prints the memory of these processes together in kB. A page counts once, whichever of them maps it
# and how often: of a ring its reader maps each page twice. Of a file, the program or a library, as much counts as one of
# them has of it, whoever else has it too.
bed_memory() {
  local pid
  for pid; do
    echo "process $pid"
    cat "/proc/$pid/smaps"
  done | awk '
    $1 == "process" { process = $2 }
    $1 ~ /^[0-9a-f]+-[0-9a-f]+$/ { file = $6 ~ /^\// ? $6 : "" }
    $1 == "Rss:" && file { of[file, process] += $2; if (of[file, process] > most[file]) most[file] = of[file, process] }
    $1 == "Pss:" && !file { sum += $2 }
    END { for (file in most) sum += most[file]; printf "%d\n", sum }'
}

# Prints the memory of both halves together in kB.
telltale_memory() {
  bed_memory "$(bed_pid "$1")" "$(telltale_daemon_pid "$1")"
}

telltale_settled() {
  telltale_ready "$1" || ! bed_alive "$1"
}

telltale_ready() {
  grep -q 'run: ready' "$BED/$1.log"
}

# telltale_follows_http2 NAME: waits until it does, which is a moment after it is ready.
telltale_follows_http2() {
  bed_wait 120 'HTTP/2 to be followed' grep -q 'HTTP/2 inside TLS is followed' "$BED/$1.log"
}

# telltale_stop NAME: ends it. Its truth file then contains everything that it saw.
telltale_stop() {
  local listen
  listen=$(sed -n 's/^listen: *//p' "$BED/$1.yaml")
  # Its own metrics, to explain why a count differs.
  curl --silent --max-time 120 "http://$listen/metrics" | grep -v '^#' >"$BED/$1.metrics"
  bed_stop "$1" || {
    echo "telltale $1 ended with status $?" >&2
    cat "$BED/$1.log" >&2
    return 1
  }
}

# telltale_truth NAME KEY...: prints one exact total, as the daemon last wrote it.
telltale_truth() {
  bed_json "$BED/$1.truth" "${@:2}"
}

# metrics_sum METRIC [LABEL="VALUE"]: prints the sum of a metric's series in the text of /metrics that it reads. There a
# sum's name always ends in _total, whatever its name in OTLP, as behind a Collector.
metrics_sum() {
  awk -v name="$1" -v label="${2:-}" '
    { split($1, part, "{") }
    (part[1] == name || part[1] == name "_total") && (label == "" || index($0, label)) { sum += $NF; seen = 1 }
    END { if (!seen) exit 1; printf "%d\n", sum }'
}

# telltale_metric NAME METRIC [LABEL="VALUE"]: the same of what telltale shows now.
telltale_metric() {
  local listen
  listen=$(sed -n 's/^listen: *//p' "$BED/$1.yaml")
  curl --silent --fail "http://$listen/metrics" | metrics_sum "${@:2}"
}

# telltale_quiet NAME: whether telltale has counted no record between the snapshot of an earlier call and one
# that is two seconds later; for bed_wait. It does not matter how long a call takes or how often it is made.
telltale_quiet() {
  local begun now ended was_ended=0 was=
  begun=$(telltale_snapshot "$1") && now=$(telltale_metric "$1" telltale_records_total) &&
    ended=$(telltale_snapshot "$1") || return
  [[ ! -e $BED/$1.quiet ]] || read -r was_ended was <"$BED/$1.quiet"
  if [[ $now == "$was" ]] && ((begun > was_ended + 1)); then
    rm "$BED/$1.quiet"
    return
  fi
  # The first figure is kept until there is a later snapshot to compare with it.
  [[ $now == "$was" ]] || echo "$ended $now" >"$BED/$1.quiet"
  return 1
}

# Prints the second in which telltale made the figures that it shows now.
telltale_snapshot() {
  curl --silent --fail "http://$(sed -n 's/^listen: *//p' "$BED/$1.yaml")/status.json" >"$BED/$1.status" &&
    bed_json "$BED/$1.status" time_s
}

# telltale_peers NAME PEERS: prints PEERS (a list like main.js's, with names) as lines of configuration.
# telltale itself makes the fingerprints of their tokens, from the answer that Rafiki's admin API would give.
telltale_peers() {
  python3 - "$2" >"$BED/$1.peers.json" <<'PYTHON'
import json, sys
nodes = [{"name": p["name"], "asset": p["asset"],
          "http": {"outgoing": {"endpoint": p["url"], "authToken": p["token"]}}}
         for p in json.loads(sys.argv[1])]
print(json.dumps({"data": {"peers": {"edges": [{"node": node} for node in nodes]}}}))
PYTHON
  echo peers:
  "$TELLTALE" peers import --config "$BED/$1.yaml" "$BED/$1.peers.json"
}
