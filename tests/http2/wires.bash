# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# Loaded by the bats files of this folder. Each file has one telltale, which watches three targets: the cgroups
# client, middle and server. Each test is a wire: a client sends a workload (../stacks/common/workload.js) to a server, both
# write journals, and what telltale has counted meanwhile is compared with them (agree.py).

HTTP2=$BATS_TEST_DIRNAME
[[ -e $HTTP2/ends.js ]] || HTTP2=$BATS_TEST_DIRNAME/..
# shellcheck source=tests/e2e/helper.bash
source "$HTTP2/../e2e/helper.bash"
WIRES=$PARTS/wires

# shellcheck source=tests/http2/expected.bash
source "$HTTP2/expected.bash"

wires_begin() {
  ((EUID == 0)) || return 0
  bed_init "$BATS_FILE_TMPDIR/bed"
  bed_certificates
  mkdir -p "$BED/client" "$BED/middle" "$BED/server" "$BED_CGROUP/client" "$BED_CGROUP/middle" "$BED_CGROUP/server"
  # No stream may end during a test; counts.py says why.
  telltale_config tt "$BED_CGROUP/client" 'payments: {idle: 10m, max: 20m}'
  sed -i "s|^  - cgroup: .*|&\n  - cgroup: $BED_CGROUP/middle\n  - cgroup: $BED_CGROUP/server|" "$BED/tt.yaml"
  telltale_start tt
  telltale_follows_http2 tt
  export BED BED_CGROUP
}

wires_end() {
  bed_fini
}

setup_file() {
  wires_begin
}

teardown_file() {
  wires_end
}

setup() {
  ((EUID == 0)) || skip 'needs root: cgroups and BPF programs are made'
  [[ -n $(bed_cgroup_mount) ]] || skip 'needs cgroup v2 mounted somewhere'
  wire=$BATS_TEST_NUMBER
  client=client/$wire server=server/$wire middle=middle/$wire
  port=$(bed_free_port)
  reading "$BED/before"
}

# What a test has started ends with it: it would weigh on the next one.
teardown() {
  local name
  if [[ -z ${BATS_TEST_COMPLETED:-} ]]; then
    for name in "$client" "$middle" "$server" tt; do
      [[ ! -s $BED/$name.log ]] || { echo "--- $name"; tail -n 20 "$BED/$name.log"; }
    done
  fi
  for name in client middle server; do
    [[ ! -d $BED_CGROUP/$name/$wire ]] || { bed_end "$BED_CGROUP/$name/$wire"; } 2>/dev/null
  done
}

needs_wire() {
  [[ -e $WIRES/$1 ]] || skip "needs $1: scripts/wires $1"
}

# reading FILE: telltale's metrics as they are now.
reading() {
  curl --silent --fail "http://$(sed -n 's/^listen: *//p' "$BED/tt.yaml")/metrics" | grep -v '^#' >"$1"
}

# workload COUNT: $BED/workload has so many Prepares with their answers, of a run of its own.
workload() {
  node "$HTTP2/../stacks/common/workload.js" "$1" | node "$HTTP2/answered.js" >"$BED/workload"
}

# alike SIZE: for tools that send the same Prepare again and again, $BED/prepare is one with SIZE bytes of data, and
# $BED/served/ilp its Fulfill. No other test sends to its destination, which is in $destination.
alike() {
  export ALIKE=1
  destination=test.bob.raw.$BATS_TEST_NUMBER.$RANDOM$RANDOM
  mkdir -p "$BED/served"
  (cd "$HTTP2/../e2e" && node -e "
    const packet = require('ilp-packet'), crypto = require('crypto'), { writeFileSync } = require('fs')
    const [bed, destination, size] = process.argv.slice(1), fulfillment = crypto.randomBytes(32)
    const data = Buffer.alloc(Number(size), 7)
    writeFileSync(bed + '/prepare', packet.serializeIlpPrepare({
      amount: '1000', expiresAt: new Date(Date.now() + 600000), destination, data,
      executionCondition: crypto.createHash('sha256').update(fulfillment).digest() }))
    writeFileSync(bed + '/served/ilp', packet.serializeIlpFulfill({ fulfillment, data }))
    " "$BED" "$destination" "$1")
}

# alike_journal WAY COUNT: the journal of a tool that counts no more than the answers with status 200.
alike_journal() {
  yes "$1 $destination 1000 fulfilled" | head -n "$2"
}

# serves COMMAND...: starts the server, and waits until it listens on $port.
serves() {
  bed_spawn "$server" "$@"
  bed_wait 60 'the server to listen' listening "$port"
}

listening() {
  ss --no-header --listening --tcp --numeric "sport = :$1" | grep -q .
}

# client_spawn TLS COMMAND...: starts the client. If TLS is not empty, the client waits until telltale reads its TLS library.
client_spawn() {
  if [[ -n $1 ]]; then
    spawn_readable tt client "$client" "${@:2}"
  else
    bed_spawn "$client" "${@:2}"
  fi
}

# sends COMMAND...: runs the client until it has sent all of $BED/workload. READABLE_TLS: see client_spawn.
sends() {
  client_spawn "${READABLE_TLS:-}" env CA="$BED/ca.pem" "$@"
  bed_wait 120 'the client to have sent everything' not bed_alive "$client"
  [ "$(wc -l <"$BED/$client.journal")" = "$(wc -l <"$BED/workload")" ]
}

# node_serves [NODE [tls]], node_sends CLIENT [NODE [tls]]: by ends.js, on that Node.js.
node_serves() {
  serves "${1:-node}" "$HTTP2/ends.js" serve "$port" "$BED/$server.journal" ${2:+"$BED"}
}

node_sends() {
  READABLE_TLS=${3:-} sends "${2:-node}" "$HTTP2/ends.js" send "$1" "http${3:+s}://localhost:$port" "$BED/workload" "$BED/$client.journal" 100
}

# nghttpd_serves [tls]: the Fulfill of `alike`, and counts by its log.
nghttpd_serves() {
  command -v nghttpd h2load >/dev/null || skip 'needs nghttp2-server and nghttp2-client'
  local tls=(--no-tls)
  [[ -z ${1:-} ]] || tls=("$BED/server.key" "$BED/server.pem")
  echo 'application/octet-stream ilp' >"$BED/mime.types"
  mv "$BED/served/ilp" "$BED/served/answer.ilp"
  serves nghttpd --address=127.0.0.1 --max-concurrent-streams=1000 --htdocs="$BED/served" \
    --mime-types-file="$BED/mime.types" --verbose "$port" "${tls[@]}"
}

# nghttpd_counted: its journal, when it has logged as many answers as the client got.
nghttpd_counted() {
  bed_wait 20 "the server's log" same grep -c ':status: 200' "$BED/$server.log" -- wc_lines "$BED/$client.journal"
  alike_journal received "$(grep -c ':status: 200' "$BED/$server.log")" >"$BED/$server.journal"
}

wc_lines() {
  wc -l <"$1"
}

# h2load_sends COUNT STREAMS [tls]: the Prepare of `alike`, so many at once, over one connection.
h2load_sends() {
  local answered
  client_spawn "${3:-}" h2load --requests="$1" --clients=1 --threads=1 --max-concurrent-streams="$2" \
    --data="$BED/prepare" --header='content-type: application/octet-stream' \
    --header='authorization: Bearer secret-of-alice' "http${3:+s}://localhost:$port/answer.ilp"
  bed_wait 120 'h2load to have sent everything' not bed_alive "$client"
  answered=$(sed -n 's/^status codes: \([0-9]*\) 2xx.*/\1/p' "$BED/$client.log")
  [ "$answered" = "$1" ]
  alike_journal sent "$answered" >"$BED/$client.journal"
  nghttpd_counted
}

# curl_sends SCHEME OPTION [get]: all of the workload by curl. Inside TLS up to 50 at once over one connection, else each
# over its own, since curl 7.88 cannot use one again by prior knowledge; with `get` one after the other over the connection
# on which a GET came first. Its journal has what came back.
curl_sends() {
  local manner=(xargs --max-procs=8 --max-args=1 curl --config)
  [[ $1 == http ]] || manner=(xargs curl --parallel --parallel-max 50 --config)
  [[ -z ${3:-} ]] || manner=(xargs curl --config)
  rm -rf "$BED/curl"
  mkdir "$BED/curl"
  python3 - "$BED" "$1://localhost:$port/ilp" "${2#--}" "${3:-}" <<'PYTHON'
import base64, sys
bed, url, option, get = sys.argv[1:]
here = f"{bed}/curl"
configs = []
for i, line in enumerate(open(f"{bed}/workload")):
    open(f"{here}/{i}", "wb").write(base64.b64decode(line.split()[2]))
    configs.append(f"""silent\nshow-error\n{option}\nurl = "{url}"\ncacert = "{bed}/ca.pem"
data-binary = "@{here}/{i}"\noutput = "{here}/{i}.answer"
header = "Content-Type: application/octet-stream"\nheader = "Authorization: Bearer secret-of-alice"\n""")
if get:
    configs.insert(0, f"""silent\n{option}\nurl = "{url}"\noutput = "/dev/null"\n""")
if get or url.startswith("https:"):
    configs = ["next\n".join(configs)]
for i, config in enumerate(configs):
    open(f"{here}/{i}.config", "w").write(config)
open(f"{here}/list", "w").writelines(f"{here}/{i}.config\n" for i in range(len(configs)))
PYTHON
  client_spawn "${1#http}" sh -c "exec <\"$BED/curl/list\" ${manner[*]}"
  bed_wait 120 'curl to have sent everything' not bed_alive "$client"
  python3 - "$BED" >"$BED/$client.journal" <<'PYTHON'
import base64, os, sys
bed = sys.argv[1]
for i, line in enumerate(open(f"{bed}/workload")):
    destination, amount, _, answer, outcome = line.split()
    path = f"{bed}/curl/{i}.answer"
    same = os.path.exists(path) and open(path, "rb").read() == base64.b64decode(answer)
    print("sent", destination, amount, outcome if same else "not_ilp")
PYTHON
}

# go_serves [tls], go_sends SCHEME: net/http.
go_serves() {
  serves "$WIRES/go/wires" serve "$port" "$BED/workload" "$BED/$server.journal" ${1:+"$BED"}
}

go_sends() {
  sends "$WIRES/go/wires" send "$1://localhost:$port" "$BED/workload" "$BED/$client.journal" 100
}

# java_sends okhttp|jdk SCHEME.
java_sends() {
  sends java -Xmx256m -cp "$WIRES/java/classes:$WIRES/java/lib/*" Wires "$1" "$2://localhost:$port" "$BED/workload" \
    "$BED/$client.journal" 50
}

# hyper_serves, hyper_sends: h2c by prior knowledge.
hyper_serves() {
  serves "$WIRES/rust/wires" serve "$port" "$BED/workload" "$BED/$server.journal"
}

hyper_sends() {
  sends "$WIRES/rust/wires" send "$port" "$BED/workload" "$BED/$client.journal" 100
}

# nginx_between DIRECTIVE: puts nginx, with TLS, in front of the server, and its port into $port. It keeps connections to
# the server open.
nginx_between() {
  local dir=$BED/$middle.nginx behind=$port read
  read=$(tls_read tt middle)
  port=$(bed_free_port)
  mkdir -p "$dir"
  {
    printf 'daemon off; user root; worker_processes 2; pid %s/pid; error_log stderr warn;\n' "$dir"
    printf 'events { worker_connections 512; }\nhttp {\n access_log off; client_max_body_size 1m;\n'
    printf ' %s_temp_path %s/temp;\n' client_body "$dir" proxy "$dir" fastcgi "$dir" uwsgi "$dir" scgi "$dir"
    printf ' upstream behind { server 127.0.0.1:%s; keepalive 16; }\n' "$behind"
    printf ' server {\n  listen 127.0.0.1:%s ssl; http2 on; http2_max_concurrent_streams 200;\n' "$port"
    printf '  ssl_certificate %s/server.pem; ssl_certificate_key %s/server.key;\n' "$BED" "$BED"
    printf '  location / { proxy_pass http://behind; proxy_set_header Connection ""; %s }\n }\n}\n' "$1"
  } >"$dir/nginx.conf"
  bed_spawn "$middle" "$WIRES/nginx/nginx" -c "$dir/nginx.conf" -p "$dir"
  bed_wait 60 'nginx to listen' listening "$port"
  # It forks its workers, and telltale finds a forked process within a second.
  bed_wait 60 'its TLS library to be read in all three' at_least $((read + 3)) tls_read tt middle
}

# tokens_at ENDPOINT: prints how many tokens clients of the targets sent to it.
tokens_at() {
  "$TELLTALE" peers --json --config "$BED/tt.yaml" >"$BED/peers"
  python3 - "$BED/peers" "$1" <<'PYTHON'
import json, sys
print(len({peer["token"] for peer in json.load(open(sys.argv[1]))["peers"]
           if peer["endpoint"].startswith(sys.argv[2]) and peer["role"] == "client"}))
PYTHON
}

# both_ends: whether the two journals say the same.
both_ends() {
  diff <(sed 's/^sent //' "$BED/$client.journal" | sort) <(sed 's/^received //' "$BED/$server.journal" | sort)
}

# counted WAY=NAME...: whether telltale counted what these processes did since the test began, packet for packet.
counted() {
  local seat seats=()
  for seat in "$@"; do seats+=("${seat%%=*}=$BED/${seat#*=}.journal"); done
  bed_wait 30 'telltale to have counted it' agrees "$(expected)" "${seats[@]}" || {
    cat "$BED/table"
    return 1
  }
}

agrees() {
  reading "$BED/now" && python3 "$HTTP2/agree.py" "$1" "$BED/before" "$BED/now" "${@:2}" >"$BED/table"
}
