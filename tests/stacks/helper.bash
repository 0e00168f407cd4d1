# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the bats files here share, in addition to the end-to-end tests' helper. One stack sends a workload and
# another answers it; both write journals, which are compared with telltale's figures.

# shellcheck source=tests/e2e/helper.bash
source "$BATS_TEST_DIRNAME/../e2e/helper.bash"
STACKS=$PARTS/stacks
HERE=$ROOT/tests/stacks

needs_stack() {
  [[ -e $STACKS/$1 ]] || skip "needs the stack $1: scripts/stacks $1"
}

# node_in STACK NAME SCRIPT ARGUMENT...: starts a process of a stack's Node.js script, in a cgroup of its own.
node_in() {
  local stack=$1 name=$2 script=$3
  shift 3
  bed_spawn "$name" env NODE_PATH="$STACKS/$stack/node_modules" CA="${CA:-}" \
    NODE_EXTRA_CA_CERTS="${CA:-}" node "$HERE/$stack/$script" "$@"
}

# new_port NAME: reserves a free port for NAME; port_of NAME: prints it.
new_port() {
  bed_free_port | tee "$BED/$1.port"
}

port_of() {
  cat "$BED/$1.port"
}

is_listening() {
  ss --no-header --listening --tcp --numeric "sport = :$1" | grep -q .
}

# ready NAME PORT: waits until the server is up, or shows its log.
ready() {
  bed_wait 60 "$1 to listen" is_listening "$2" || {
    cat "$BED/$1.log" >&2
    return 1
  }
}

# workload COUNT [odd]: see workload.js.
workload() {
  node "$HERE/common/workload.js" "$@" >"$BED/workload"
}

# watch NAME CGROUP...: starts telltale on these cgroups of the bed.
watch() {
  local name=$1 cgroup targets=
  shift
  # No stream may end during the test; counts.py says why.
  telltale_config "$name" "$(connector_cgroup "$1")" 'payments: {idle: 10m, max: 20m}' "${EXTRA[@]}"
  for cgroup in "${@:2}"; do targets+="\n  - cgroup: $(connector_cgroup "$cgroup")"; done
  sed -i "s|^  - cgroup: .*|&$targets|" "$BED/$name.yaml"
  telltale_start "$name"
}

# go NAME: lets a waiting sender begin, and waits until it has sent everything.
go() {
  touch "$BED/go"
  bed_wait 120 "$1 to have sent everything" not bed_alive "$1"
  [[ $(wc -l <"$BED/$1.journal") == "$(wc -l <"$BED/workload")" ]]
}

# says_the_same NAME WAY=PROCESS...: whether telltale's figures equal what these processes counted.
says_the_same() {
  local name=$1 seats=() want=0 seat file times lines
  for seat in "${@:2}"; do
    file=$BED/${seat#*=}.journal times=1 lines=received
    seats+=("${seat%%=*}=$file")
    case $seat in
    *-inside=*) times=3 ;;
    forwarded=*) times=2 ;;
    esac
    [[ $seat != sent* ]] || lines=sent
    want=$((want + times * $(grep -c "^$lines " "$file")))
  done
  # The table shows the differences.
  bed_wait 30 "$want exchanges" test_metric "$want" "$name" telltale_exchanges_total || true
  telltale_stop "$name"
  python3 "$HERE/common/counts.py" "$BED/$name.truth" "$BED/$name.metrics" "${seats[@]}"
}

# nginx_in NAME PORT URL [DIRECTIVE...]: starts nginx in front of URL, on PORT; with TLS, unless the port is
# given as plain:PORT. It speaks HTTP/1.1 to URL and closes each connection to it after one exchange, as the
# ingress in Rafiki's documentation does, unless a directive says otherwise.
nginx_in() {
  local name=$1 port=${2#plain:} url=$3 tls=' ssl' dir=$BED/$1.nginx
  [[ $2 != plain:* ]] || tls=
  command -v nginx >/dev/null || skip 'needs nginx'
  bed_certificates
  mkdir -p "$dir"
  {
    printf 'daemon off; user root; worker_processes 2; pid %s/pid; error_log stderr warn;\n' "$dir"
    printf 'events { worker_connections 256; }\nhttp {\n access_log off;\n'
    printf ' %s_temp_path %s/temp;\n' client_body "$dir" proxy "$dir" fastcgi "$dir" uwsgi "$dir" scgi "$dir"
    printf ' server {\n  listen 127.0.0.1:%s%s%s;\n' "$port" "$tls" "${HTTP2:+ http2}"
    printf '  ssl_certificate %s/server.pem; ssl_certificate_key %s/server.key;\n' "$BED" "$BED"
    (($# < 4)) || printf '  %s\n' "${@:4}"
    printf '  location / { proxy_pass %s; proxy_http_version 1.1; }\n }\n}\n' "$url"
  } >"$dir/nginx.conf"
  bed_spawn "$name" nginx -c "$dir/nginx.conf" -p "$dir"
  ready "$name" "$port"
}

# quilt_in NAME ARGUMENT...: starts a process of Quilt in a cgroup of its own.
quilt_in() {
  local name=$1
  shift
  needs_stack quilt
  bed_spawn "$name" java -Xmx256m -cp "$STACKS/quilt/classes:$STACKS/quilt/lib/*" Ends "$@"
}

# koa NAME [MODE]: starts the Koa server of node-clients in a cgroup of its own, at NAME's port.
koa() {
  local port
  needs_stack node-clients
  port=$(new_port "$1")
  node_in node-clients "$1" server.js "${2:-length}" "$port" "$BED/$1.journal"
  ready "$1" "$port"
}

# sends NAME URL [CLIENT]: starts a client of node-clients, which sends the workload to URL when `go` lets it.
sends() {
  bed_certificates
  CA=$BED/ca.pem node_in node-clients "$1" client.js "${3:-fetch}" "$2" "$BED/workload" \
    "$BED/$1.journal" "$BED/go" 8
}
