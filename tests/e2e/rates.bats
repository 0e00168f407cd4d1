#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `telltale rates show` as a person uses it; needs no root and no network.

bats_require_minimum_version 1.5.0

setup() {
  TELLTALE=${TELLTALE:-$BATS_TEST_DIRNAME/../../build/telltale}
  operator=$BATS_TEST_TMPDIR/operator.json
  network=$BATS_TEST_TMPDIR/network.json
  echo '{"base": "USD", "rates": {"EUR": 0.813399, "JPY": 157.3}}' >"$operator"
  echo '{"base": "EUR", "rates": {"USD": 1.25, "GBP": 0.8}}' >"$network"
}

@test "each rate is shown with the value of one unit in USD, floored" {
  run -0 --separate-stderr "$TELLTALE" rates show --operator "$operator"
  [[ ${lines[0]} =~ ^'operator: base USD, 2 rates, age '[0-9]+' s'$ ]]
  [[ $output =~ EUR\ +0\.813399\ +1\.2294089370 ]]
  [[ $output =~ JPY\ +157\.3\ +0\.0063572790 ]]
  [ -z "$stderr" ]
}

# parsed TEXT PYTHON: runs it on TEXT as the JSON document `d`.
parsed() {
  python3 -c "import json, sys; d = json.loads(sys.argv[1]); $2" "$1"
}

@test "with --json the same is a document for programs, with the same exit status" {
  run -0 --separate-stderr "$TELLTALE" rates show --json --operator /nonexistent --network "$network"
  parsed "$output" 'operator, network = d["sources"]
assert "No such file" in operator["error"] and operator["rates"] == [] and operator["base"] is None, operator
assert network["source"] == "network" and network["base"] == "EUR" and network["error"] is None, network
assert {r["asset"]: (r["buys"], r["worth"]) for r in network["rates"]} == {
  "EUR": ("1", "1.2500000000"), "GBP": ("0.8", "1.5625000000"), "USD": ("1.25", "1.0000000000")}, network'
  [ -z "$stderr" ]
  run -1 --separate-stderr "$TELLTALE" rates show --json --operator /nonexistent
  parsed "$output" 'assert len(d["sources"]) == 1'
}

@test "a document in another base is shown through its rate of USD" {
  run -0 "$TELLTALE" rates show --network "file://$network"
  [[ ${lines[0]} == "network: base EUR, "* ]]
  [[ $output =~ EUR\ +1\ +1\.2500000000 ]]
  [[ $output =~ GBP\ +0\.8\ +1\.5625000000 ]]
}

@test "one source that fails is reported; the other is shown" {
  run -0 --separate-stderr "$TELLTALE" rates show --operator /nonexistent --network "$network"
  [[ $output == *"network: base EUR"* ]]
  [[ $stderr == *"operator's rates: "*"No such file"* ]]
}

@test "nothing loaded is exit status 1, with the reason" {
  echo '{"base": "USD", "rates": {"EUR": -1}}' >"$operator"
  run -1 "$TELLTALE" rates show --operator "$operator" --network http://127.0.0.1:1/
  [[ $output == *"EUR is not between"* ]]
  [[ $output == *"network's rates: "* ]]
}

@test "a configuration and locations together are wrong usage" {
  run -2 "$TELLTALE" rates show --config /dev/null --operator "$operator"
  run -2 "$TELLTALE" rates
  run -2 "$TELLTALE" rates unknown
}
