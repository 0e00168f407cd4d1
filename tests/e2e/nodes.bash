# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# The nodes that tests are made of, on top of lib.sh.

# What lib.sh's rates.json says, as the connectors take it.
RATES='{"EUR":"0.813399","GBP":"0.741"}'
EUR='{"code":"EUR","scale":6}'
USD='{"code":"USD","scale":9}'
BOB='"address":"test.bob","receiver":true,"rates":'$RATES

# receiver NAME [EXTRA]: a STREAM receiver on every address, plain; its callers pay in EUR.
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

# sender NAME URL...: a node that pays to these, in EUR.
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

# agree NAME SIDE NAME SIDE: two connectors' ledgers of the same packets, in the same asset.
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

