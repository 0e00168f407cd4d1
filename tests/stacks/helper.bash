# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the bats files here share beside the end-to-end tests' helper: a workload sent by one stack and
# answered by another, both of which write journals, held against telltale's figures.

# shellcheck source=tests/e2e/helper.bash
source "$BATS_TEST_DIRNAME/../e2e/helper.bash"
STACKS=$PARTS/stacks
HERE=$ROOT/tests/stacks

needs_stack() {
  [[ -e $STACKS/$1 ]] || skip "needs the stack $1: scripts/stacks $1"
}

# node_in STACK NAME SCRIPT ARGUMENT...: a process of a stack's Node.js glue, in a cgroup of its own.
node_in() {
  local stack=$1 name=$2 script=$3
  shift 3
  bed_spawn "$name" env NODE_PATH="$STACKS/$stack/node_modules" CA="${CA:-}" \
    NODE_EXTRA_CA_CERTS="${CA:-}" node "$HERE/$stack/$script" "$@"
}

is_listening() {
  ss --no-header --listening --tcp --numeric "sport = :$1" | grep -q .
}

# ready NAME PORT: the server is up, or its log says why not.
ready() {
  bed_wait 60 "$1 to listen" is_listening "$2" || {
    cat "$BED/$1.log" >&2
    return 1
  }
}

workload() {
  node "$HERE/common/workload.js" "$1" >"$BED/workload"
}

# watch NAME CGROUP...: telltale on these cgroups, of the bed.
watch() {
  local name=$1 cgroup targets=
  shift
  # No stream may end while the test lasts: see counts.py.
  telltale_config "$name" "$(connector_cgroup "$1")" 'payments: {idle: 10m, max: 20m}' "${EXTRA[@]}"
  for cgroup in "${@:2}"; do targets+="\n  - cgroup: $(connector_cgroup "$cgroup")"; done
  sed -i "s|^  - cgroup: .*|&$targets|" "$BED/$name.yaml"
  telltale_start "$name"
}

# go NAME: lets a sender begin that waits for it, and waits until it has sent everything.
go() {
  touch "$BED/go"
  bed_wait 120 "$1 to have sent everything" not bed_alive "$1"
  [[ $(wc -l <"$BED/$1.journal") == "$(wc -l <"$BED/workload")" ]]
}

# says_the_same NAME WAY=PROCESS...: telltale's figures are what these processes counted.
says_the_same() {
  local name=$1 seats=() want=0 seat
  for seat in "${@:2}"; do
    seats+=("${seat%%=*}=$BED/${seat#*=}.journal")
    want=$((want + $(wc -l <"$BED/${seat#*=}.journal")))
    [[ $seat != forwarded=* ]] || want=$((want + $(wc -l <"$BED/${seat#*=}.journal")))
  done
  # What differs, the table says.
  bed_wait 10 "$want exchanges" test_metric "$want" "$name" telltale_exchanges_total || true
  telltale_stop "$name"
  python3 "$HERE/common/counts.py" "$BED/$name.truth" "$BED/$name.metrics" "${seats[@]}"
}
