# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# Loaded by every bats file here: makes a bed for each test, removes it afterwards, and shows its logs when
# the test failed.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The rates of lib.sh's rates.json, in the form that the connectors take.
RATES='{"EUR":"0.813399","GBP":"0.741"}'
EUR='{"code":"EUR","scale":6}'
USD='{"code":"USD","scale":9}'
BOB='"address":"test.bob","receiver":true,"rates":'$RATES

setup() {
  ((EUID == 0)) || skip 'needs root: cgroups and BPF programs are made'
  [[ -n $(bed_cgroup_mount) ]] || skip 'needs cgroup v2 mounted somewhere'
  bed_init "$BATS_TEST_TMPDIR/bed"
}

teardown() {
  bed_teardown
}

bed_teardown() {
  if [[ -n ${BED:-} && -z ${BATS_TEST_COMPLETED:-} ]]; then
    local log
    for log in "$BED"/*.log; do
      [[ -s $log ]] || continue
      echo "--- ${log##*/}"
      tail -n 30 "$log"
    done
  fi
  bed_fini
}

needs_ipv6() {
  bed_has_ipv6 || skip 'this host has no IPv6 on its loopback'
}

# receiver NAME [EXTRA]: starts a STREAM receiver on every address, without TLS; its callers pay in EUR.
receiver() {
  local host
  host=$(bed_any_address)
  connector_start "$1" "{$BOB,\"asset\":$EUR,\"listen\":{\"host\":\"$host\"},
    \"incoming\":[{\"token\":\"secret-of-alice\",\"asset\":$EUR}]${2:+,$2}}"
}

# The same behind TLS inside the process.
receiver_tls() {
  local host
  host=$(bed_any_address)
  bed_certificates
  connector_start "$1" "{$BOB,\"asset\":$EUR,
    \"listen\":{\"host\":\"$host\",\"cert\":\"$BED/server.pem\",\"key\":\"$BED/server.key\"},
    \"incoming\":[{\"token\":\"secret-of-alice\",\"asset\":$EUR}]${2:+,$2}}"
}

# sender NAME URL...: starts a node that pays to these URLs, in EUR.
sender() {
  local name=$1 url peers=
  shift
  for url in "$@"; do
    peers+="${peers:+,}{\"url\":\"$url/\",\"token\":\"secret-of-alice\",\"asset\":$EUR,
      \"ca\":\"$BED/ca.pem\"}"
  done
  # A plain peer reads no certificate, but the file has to be there.
  bed_certificates
  connector_start "$name" "{\"address\":\"test.alice\",\"asset\":$EUR,\"rates\":$RATES,
    \"peers\":[$peers]}"
}

# tls_read TELLTALE [TARGET]: of how many processes, of the target whose name ends so, it has begun to read the TLS library.
tls_read() {
  grep -c "reading the TLS library of process ${2:+.*/$2\$}" "$BED/$1.log" || true
}

# spawn_readable TELLTALE TARGET NAME COMMAND...: starts a client in that target, by its tls_read. It waits until its TLS
# library is read, since it may begin a handshake sooner than that: OpenSSL reads its configuration before, and that is a
# pipe here. OpenSSL inside Node.js does so too.
spawn_readable() {
  local before gate=$BED/$3.gate
  before=$(tls_read "$1" "$2")
  rm -f "$gate"
  mkfifo "$gate"
  bed_spawn "$3" env OPENSSL_CONF="$gate" "${@:4}"
  bed_wait 60 "the TLS library of $3 to be read" at_least $((before + 1)) tls_read "$1" "$2"
  # Opening it waits for the client, and closing it lets the client go. Who reads it once more finds an empty file.
  timeout 120 sh -c "exec 9>'$gate' && : >'$gate.empty' && mv '$gate.empty' '$gate'"
}

# forwarder NAME URL [EXTRA]: starts a connector between such a sender and the receiver at URL; it keeps a
# hundredth.
forwarder() {
  connector_start "$1" "{\"address\":\"test.$1\",\"asset\":$EUR,\"rates\":$RATES,
    \"listen\":{\"host\":\"127.0.0.1\"},\"incoming\":[{\"token\":\"secret-of-alice\",\"asset\":$EUR}],
    \"peers\":[{\"url\":\"$2/\",\"token\":\"secret-of-alice\",\"asset\":$EUR}],
    \"forward\":{\"rate\":\"0.99\"}${3:+,$3}}"
}

# to URL...: prints where payments ask for an address, one for each peer.
to() {
  local url list=
  for url in "$@"; do list+="${list:+,}{\"url\":\"$url/pay\",\"ca\":\"$BED/ca.pem\"}"; done
  echo "\"to\":[$list]"
}

# prepare_file FILE [SIZE]: writes a Prepare to bob, for clients that have no ILP library, with SIZE bytes of
# data more than it needs.
prepare_file() {
  (cd "$ROOT/tests/e2e" && node -e "
    const packet = require('ilp-packet')
    const crypto = require('crypto')
    const preimage = crypto.randomBytes(32)
    require('fs').writeFileSync(process.argv[1], packet.serializeIlpPrepare({
      amount: '1000',
      expiresAt: new Date(Date.now() + 600000),
      executionCondition: crypto.createHash('sha256').update(preimage).digest(),
      destination: 'test.bob.raw.opaque',
      data: Buffer.concat([preimage, Buffer.from('   '), Buffer.alloc(Number(process.argv[2]))])
    }))" "$1" "${2:-0}")
}

# agree NAME SIDE NAME SIDE: compares two connectors' ledgers of the same packets, in the same asset.
agree() {
  connector_count "$1"
  connector_count "$3"
  python3 - "$BED/$1.count" "$2" "$BED/$3.count" "$4" <<'PYTHON'
import json, sys
a, b = (json.load(open(f))[side] for f, side in (sys.argv[1:3], sys.argv[3:5]))
differences = [f"{key}: {a[key]} {b[key]}" for key in a if a[key] != b[key]]
sys.exit("\n".join(differences) or (None if a["transactions"] else "nothing was paid"))
PYTHON
}

# exactly TELLTALE CONNECTOR [BEFORE]: whether telltale's exact totals equal what the connector itself counted
# as originated. With BEFORE, an older count of the same connector, only what was counted since then. OPEN_BEFORE=1: on
# connections that were open before telltale, nothing says whose a Reject is until a Fulfill fits. So telltale may leave
# some out, and those that it counts and those that it says it left out are all that the connector got.
exactly() {
  connector_count "$2"
  python3 - "$BED/$1.truth" "$BED/$2.count" "${3:-}" <<'PYTHON'
import json, os, sys
seen = json.load(open(sys.argv[1]))
own = json.load(open(sys.argv[2]))["originated"]
before = json.load(open(sys.argv[3]))["originated"] if sys.argv[3] else {}
keys = "transactions prepares fulfills rejects value probe_prepares probe_rejects".split()
want = {key: own[key] - before.get(key, 0) for key in keys}
print(f"{'':16}{'connector':>16}{'telltale':>16}")
for key in keys:
    print(f"{key:16}{want[key]:16}{seen[key]:16}{'' if want[key] == seen[key] else '  <<<'}")
trouble = [key for key in "http_errors expired bad_fulfillments unconverted".split() if own[key]]
if trouble:
    sys.exit(f"the connector itself had trouble: {trouble}")

def rejects(count):
    if not count:
        return 0
    return count["rejects"] + count["probe_rejects"] + count["zero"]["rejects"] + count["peer"]["rejects"]

left_out = set()
right = True
if os.environ.get("OPEN_BEFORE"):
    left_out = {"rejects", "probe_rejects"}
    said, got = seen["outcomes"]["rejected"] + seen["lost"]["unsure"], rejects(own) - rejects(before)
    print(f"{'with left out':16}{got:16}{said:16}{'' if got == said else '  <<<'}   {seen['lost']}")
    right = got == said
right &= all(seen[key] <= want[key] if key in left_out else seen[key] == want[key] for key in keys)
sys.exit(0 if want["prepares"] > 0 and right else 1)
PYTHON
}

# load_begin [OPTIONS]: from now on alice sends to bob, or to all her peers, until load_end: some hundred exchanges a
# second, many of them under way at any time, which leave the processor to others too. OPTIONS are more of hammer.js's.
load_begin() {
  rm -f "$BED/enough"
  load_on "$@" 3>&- 4>&- &
  load=$!
}

load_on() {
  until [[ -e $BED/enough ]]; do
    connector_hammer alice "{\"count\":500,\"concurrency\":32,\"pause_ms\":20,\"receiver\":\"test.bob\"${1:+,$1}}" ||
      return
  done
}

load_end() {
  touch "$BED/enough"
  wait "$load"
}

# Whether no exchange of alice's has failed.
unharmed() {
  connector_count alice
  [ "$(bed_json "$BED/alice.count" originated http_errors)" = 0 ] &&
    [ "$(bed_json "$BED/alice.count" originated expired)" = 0 ]
}

not() {
  ! "$@"
}

# test_metric WANT NAME METRIC [LABEL]: for bed_wait.
test_metric() {
  [[ $(telltale_metric "${@:2}") == "$1" ]]
}

# at_least WANT COMMAND...: whether COMMAND prints a number that is WANT or more; for bed_wait.
at_least() {
  local got
  got=$("${@:2}") && ((got >= $1))
}

# same COMMAND -- COMMAND: whether both succeed and print the same; for bed_wait.
same() {
  local first=()
  while [[ $1 != -- ]]; do
    first+=("$1")
    shift
  done
  shift
  local a b
  a=$("${first[@]}") && b=$("$@") && [[ $a == "$b" ]]
}
