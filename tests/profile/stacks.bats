# SPDX-License-Identifier: Apache-2.0
# Which functions and lines a packet's time is spent in, against a connector that knows.
# shellcheck disable=SC2034

load ../e2e/helper
load helper

teardown() {
  if [[ -n ${BED:-} && -z ${BATS_TEST_COMPLETED:-} ]]; then tail -n 20 "$BED"/*.log || true; fi
  bed_fini
  rm -rf "${PGDATA:-}"
}

# Each version of V8 keeps things elsewhere; scripts/parts-tls gets more of them than CI has.
burn_on() {
  NODE=$1
  "$NODE" --version | sed 's/^/# Node.js /' >&3
  bed_start
  profile_start p --json --hz 997
  drive 20 burn
  profile_end p
  judge stacks "$BED/p.report" "$BED/journal" "$ROOT/tests/profile/hop.js" >&3
}

@test 'functions of JavaScript, inlined ones too, have their share of the time, and their files and lines' {
  burn_on node
}

@test 'the same in Node.js 22' {
  [[ -x $ROOT/build/parts/node-22/node ]] || skip 'needs Node.js 22: scripts/parts-tls all'
  burn_on "$ROOT/build/parts/node-22/node"
}

@test 'the same in Node.js 24' {
  [[ -x $ROOT/build/parts/node-24/node ]] || skip 'needs Node.js 24: scripts/parts-tls'
  burn_on "$ROOT/build/parts/node-24/node"
}
