# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The network's whole service on one machine, with the files in scripts/deploy/service. Only what is named
# here is changed: ports, paths, names that would be in DNS, and intervals, which are seconds instead of
# minutes. Sourced after tests/e2e/lib.sh; bed_init first.
#
#   service_start [testnet|livenet]   two Collectors behind nginx, Prometheus, the public Prometheus
#   service_url                       what a node is given as endpoint
#   node_start NAME [LINE...]         a node (node.c), configured to send there
#   node_totals NAME                  what it releases next: transactions, prepares, value

SERVICE=$ROOT/scripts/deploy/service
PROMETHEUS=${PROMETHEUS:-$PARTS/prometheus}
COLLECTOR_AGE=${COLLECTOR_AGE:-3s}

port_of() { cat "$BED/$1.port"; }

ports() {
  local name
  for name; do [[ -e $BED/$name.port ]] || bed_free_port >"$BED/$name.port"; done
}

# replica_start NUMBER: starts a Collector, which keeps its address over restarts. With DOOR set it listens behind a door.
replica_start() {
  local name=collector-$1
  bed_spawn "$name" env GOMEMLIMIT="${COLLECTOR_MEMORY:-512MiB}" OTLP_ENDPOINT="127.0.0.1:$(port_of "$name")" \
    TLS_CERT="$BED/server.pem" TLS_KEY="$BED/server.key" MAX_CONNECTION_AGE="$COLLECTOR_AGE" \
    BATCH_TIMEOUT="${COLLECTOR_BATCH:-200ms}" REMOTE_WRITE_URL="${REMOTE_WRITE:-http://127.0.0.1:$(port_of prometheus)/api/v1/write}" \
    HEALTH_ENDPOINT="127.0.0.1:$(port_of "$name-health")" METRICS_HOST=127.0.0.1 \
    METRICS_PORT="$(port_of "$name-metrics")" DOOR_ENDPOINT="127.0.0.1:$(port_of "$name")" \
    "$PARTS/otelcol" --config "$SERVICE/collector/network.yaml" --config "$SERVICE/collector/$NETWORK.yaml" \
    ${DOOR:+--config "$SERVICE/collector/door.yaml"}
}

# door_start NUMBER TLS: the door before that Collector. The folder TLS has the list of those who may send.
door_start() {
  ports "door-$1"
  mkdir -p "$BED/door-$1"
  cp "$BED/server.pem" "$2/tls.crt"
  {
    printf 'user root;\n'
    sed -e "s|/tmp/|$BED/door-$1/|; s|/etc/otelcol-tls/tls.key|$BED/server.key|; s|/etc/otelcol-tls|$2|" \
      -e "s/listen 4317/listen 127.0.0.1:$(port_of "door-$1")/; s/127.0.0.1:14317/127.0.0.1:$(port_of "collector-$1")/" \
      -e "s|/dev/stdout|$BED/door-$1/refused|" "$SERVICE/door/nginx.conf"
  } >"$BED/door-$1/nginx.conf"
  bed_spawn "door-$1" env CONFIGURATION="$BED/door-$1/nginx.conf" TLS="$2" LOOK_EACH=1 sh "$SERVICE/door/run"
  bed_wait 20 'the door' test -s "$BED/door-$1/nginx.pid"
}

replica_wait() {
  bed_wait 60 "collector-$1" curl --silent --fail "http://127.0.0.1:$(port_of "collector-$1-health")/" ||
    { tail -n 20 "$BED/collector-$1.log" >&2; return 1; }
}

balancer_start() {
  {
    printf 'load_module %s;\ndaemon off;\nuser root;\npid %s;\nerror_log %s;\n' \
      "$PARTS/ngx_stream_module.so" "$BED/nginx.pid" "$BED/nginx.error"
    sed -e "s/collector-\([01]\).collectors:4317/COLLECTOR\1/; s/listen 4317/listen 127.0.0.1:$(port_of balancer)/" \
      -e "s/COLLECTOR0/127.0.0.1:$(port_of collector-0)/; s/COLLECTOR1/127.0.0.1:$(port_of collector-1)/" \
      -e "s|/dev/stdout|$BED/connections.log|; s/limit_conn senders .*;/limit_conn senders ${SENDERS:-256};/" "$SERVICE/balancer/nginx.conf"
  } >"$BED/nginx.conf"
  bed_spawn balancer nginx -c "$BED/nginx.conf" -p "$BED"
  bed_wait 20 'the balancer' test -s "$BED/nginx.pid"
}

# prometheus_spawn NAME FILE: starts a Prometheus, which keeps its address over restarts. NAME is prometheus
# or prometheus-public. With RECEIVER set and empty it accepts no writes.
prometheus_spawn() {
  local name=$1 file=$2 receiver=${RECEIVER---web.enable-remote-write-receiver}
  ports "$name"
  mkdir -p "$BED/$name.d"
  cp -r "$SERVICE/prometheus/." "$BED/$name.d"
  sed -i -e 's/scrape_interval: .*/scrape_interval: 1s/' -e "s/evaluation_interval: .*/evaluation_interval: ${RULES_EACH:-1s}/" \
    -e "s/collector-\([01]\).collectors:8888/COLLECTOR\1/g; s/localhost:9090/127.0.0.1:$(port_of "$name")/" \
    -e "s/COLLECTOR0/127.0.0.1:$(port_of collector-0-metrics)/; s/COLLECTOR1/127.0.0.1:$(port_of collector-1-metrics)/" \
    -e "s/sidecar:8888/127.0.0.1:$(cat "$BED/sidecar-metrics.port" 2>/dev/null)/" \
    -e "s/prometheus-public:9090/127.0.0.1:$(port_of prometheus-public)/" "$BED/$name.d/$file"
  ports alertmanager
  sed -i "s/alertmanager:9093/127.0.0.1:$(port_of alertmanager)/" "$BED/$name.d/alertmanagers.yaml"
  bed_spawn "$name" "$PROMETHEUS" --config.file="$BED/$name.d/$file" --storage.tsdb.path="$BED/$name.tsdb" \
    --storage.tsdb.retention.time=400d ${receiver:+"$receiver"} --web.enable-admin-api \
    --web.listen-address="127.0.0.1:$(port_of "$name")"
}

# alertmanager_start: the Alertmanager, and its receiver, which writes what it is told to $BED/alerts. Debian's reads
# templates in /usr/share/prometheus, and is not installed: it gets a /usr/share of its own.
alertmanager_start() {
  local share
  ports alertmanager receiver
  share=$(dirname "$(readlink -f "$PARTS/prometheus-alertmanager")")/share
  sed -e "s|http://alerts.example:8080/|http://127.0.0.1:$(port_of receiver)/|; s/group_wait: .*/group_wait: 1s/" \
    "$SERVICE/alertmanager/alertmanager.yaml" >"$BED/alertmanager.yaml"
  bed_spawn receiver python3 "$ROOT/tests/service/receiver.py" "$(port_of receiver)" "$BED/alerts"
  # shellcheck disable=SC2016 # the inner shell's
  bed_spawn alertmanager unshare --mount \
    sh -c 'mount -t tmpfs none /usr/share && ln -s "$1" /usr/share/prometheus && shift && exec "$@"' sh "$share" \
    "$PARTS/prometheus-alertmanager" --config.file="$BED/alertmanager.yaml" --cluster.listen-address= \
    --storage.path="$BED/alertmanager" --web.listen-address="127.0.0.1:$(port_of alertmanager)"
  bed_wait 30 'the Alertmanager' curl --silent --fail "http://127.0.0.1:$(port_of alertmanager)/-/ready"
}

prometheus_wait() {
  bed_wait 60 "$1" curl --silent --fail "http://127.0.0.1:$(port_of "$1")/-/ready" ||
    { tail -n 20 "$BED/$1.log" >&2; return 1; }
}

service_start() {
  NETWORK=${1:-testnet}
  bed_certificates
  ports balancer prometheus prometheus-public collector-{0,1}{,-health,-metrics}
  prometheus_spawn prometheus-public public.yaml
  prometheus_spawn prometheus network.yaml
  replica_start 0
  replica_start 1
  balancer_start
  replica_wait 0 && replica_wait 1 && prometheus_wait prometheus && prometheus_wait prometheus-public
}

# Starts an operator's own service: the sidecar Collector and a Prometheus behind it.
operator_start() {
  ports sidecar{,-health,-metrics} prometheus-own
  prometheus_spawn prometheus-own operator.yaml
  bed_spawn sidecar env OTLP_ENDPOINT="127.0.0.1:$(port_of sidecar)" NETWORK="$NETWORK" BATCH_TIMEOUT=200ms \
    REMOTE_WRITE_URL="http://127.0.0.1:$(port_of prometheus-own)/api/v1/write" \
    HEALTH_ENDPOINT="127.0.0.1:$(port_of sidecar-health)" METRICS_PORT="$(port_of sidecar-metrics)" \
    "$PARTS/otelcol" --config "$SERVICE/collector/sidecar.yaml"
  bed_wait 60 'the sidecar' curl --silent --fail "http://127.0.0.1:$(port_of sidecar-health)/" &&
    prometheus_wait prometheus-own
}

# Print items of `endpoints:`, for node_start.
network_endpoint() { printf '  - url: %s\n    audience: network\n    network: %s\n    ca: %s\n' "$(service_url)" "${1:-$NETWORK}" "$BED/ca.pem"; }
own_endpoint() { printf '  - url: http://127.0.0.1:%s\n    audience: own\n' "$(port_of sidecar)"; }

service_url() { echo "https://127.0.0.1:$(port_of balancer)"; }

# ask EXPRESSION [SERVER]: prints what a Prometheus has now, one line "VALUE LABELS" for each series.
ask() {
  curl --silent --fail "http://127.0.0.1:$(port_of "${2:-prometheus}")/api/v1/query" --data-urlencode "query=$1" |
    python3 -c '
import json, sys
for r in json.load(sys.stdin)["data"]["result"]:
    print(r["value"][1], ",".join(f"{k}={v}" for k, v in sorted(r["metric"].items())))'
}

# nothing EXPRESSION [SERVER]: the server answers, and has no such series.
nothing() {
  local got
  got=$(ask "$@") || return
  [[ -z $got ]] || { echo "$got"; return 1; }
}

# value EXPRESSION [SERVER]: prints the value of the only series.
value() {
  local got
  got=$(ask "$@") && [[ -n $got && $got != *$'\n'* ]] && echo "${got%% *}"
}

# node_start NAME [LINE...]: starts a node, with the network's endpoint unless LINE... are other endpoints.
node_start() {
  local name=$1
  shift
  {
    printf 'enabled: true\ninstance: %s\nnetwork: %s\ntargets:\n  - pid: 1\nexport_interval: 1s\n' \
      "$name" "${NODE_NETWORK:-$NETWORK}"
    [[ ${NODE_NETWORK:-$NETWORK} == testnet ]] || printf 'livenet_enabled: true\n'
    printf 'endpoints:\n'
    if (($#)); then printf '%s\n' "$@"; else
      printf '  - url: %s\n    audience: network\n    ca: %s\n' "$(service_url)" "$BED/ca.pem"
    fi
  } >"$BED/$name.yaml"
  node_spawn "$name"
}

node_spawn() {
  rm -f "$BED/$1.in"
  mkfifo "$BED/$1.in"
  # The pipe is opened for reading and writing, so that it never ends.
  # shellcheck disable=SC2016
  bed_spawn "$1" env -i PATH="$PATH" bash -c 'exec "$1" "$2" <>"$3"' - "$ROOT/build/tests/node" "$BED/$1.yaml" "$BED/$1.in"
  bed_wait 30 "node $1" grep -q ^ready "$BED/$1.log" || { cat "$BED/$1.log" >&2; return 1; }
}

# The pipe is opened for reading and writing, so that this does not wait for a node that has ended.
node_do() { echo "$2" 1<>"$BED/$1.in"; }

node_totals() {
  local before
  before=$(grep -c '^[0-9]* [0-9]* [0-9]*$' "$BED/$1.log")
  node_do "$1" totals
  bed_wait 10 "totals of $1" node_answered "$1" "$before" && grep '^[0-9]* [0-9]* [0-9]*$' "$BED/$1.log" | tail -n 1
}

node_answered() { (($(grep -c '^[0-9]* [0-9]* [0-9]*$' "$BED/$1.log") > $2)); }
