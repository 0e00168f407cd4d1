#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `telltale rates publish` to a file, from files and from good and bad servers; needs no root and no network.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/e2e/lib.sh
source "$BATS_TEST_DIRNAME/lib.sh"

setup() {
  TELLTALE=${TELLTALE:-$BATS_TEST_DIRNAME/../../build/telltale}
  cd "$BATS_TEST_TMPDIR" || return
  unset TELLTALE_RATES_SOURCES TELLTALE_RATES_TO
  echo '{"base":"USD","rates":{"EUR":0.9259,"JPY":157.3}}' >rafiki.json
  echo '{"merchant":{"EUR":{"USD":"1.08"},"GBP":{"USD":"1.25"}}}' >merchant.json
  ecb "$(date -u +%F)" >ecb.xml
}

teardown() {
  local pid
  for pid in *.pid; do
    [[ -e $pid ]] || continue
    kill "$(cat "$pid")" 2>/dev/null || true
  done
}

# ecb DAY: the European Central Bank's document.
ecb() {
  cat <<XML
<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<gesmes:subject>Reference rates</gesmes:subject>
<Cube><Cube time='$1'><Cube currency='USD' rate='1.08'/><Cube currency='JPY' rate='170'/></Cube></Cube>
</gesmes:Envelope>
XML
}

# serve NAME [CERTIFICATE KEY]: starts a server of the files here; its port is in NAME.port.
serve() {
  python3 "$BATS_TEST_DIRNAME/rates_server.py" "$1.port" . "${@:2}" >"$1.log" 2>&1 3>&- 4>&- &
  echo $! >"$1.pid"
  bed_wait 20 "the server's port" test -s "$1.port"
  port=$(cat "$1.port")
}

publish() {
  "$TELLTALE" rates publish "$@"
}

@test "rates of three formats are published as one document, reported in one line" {
  run -0 --separate-stderr publish -s rafiki:rafiki.json -s merchant:merchant.json -s ecb:ecb.xml --to out.json
  [[ $output == 'published: sources=3/3 rates=3 new=3 kept=0 dropped=0 refused=0 to=out.json' ]]
  [ -z "$stderr" ]
  # EUR: 0.9259, 1/1.08, 1/1.08; GBP: 1/1.25; JPY: 157.3 and 170/1.08.
  [[ $(cat out.json) == '{"base":"USD","rates":{"EUR":0.925925925925926,"GBP":0.8,"JPY":157.353703703704}}' ]]
  [[ $(stat -c %a out.json) == 644 ]]
  # telltale itself can convert with it.
  run -0 "$TELLTALE" rates show --network out.json
  [[ $output =~ GBP\ +0\.8\ +1\.2500000000 ]]
}

@test "the merchant's number is inverted, never published as it is" {
  run -0 publish -s merchant:merchant.json --to out.json
  [[ $(cat out.json) == *'"EUR":0.925925925925926'* ]]
}

@test "a dry run prints the document and writes nothing" {
  run -0 --separate-stderr publish -n -s rafiki:rafiki.json --to out.json
  [[ $output == '{"base":"USD","rates":{"EUR":0.9259,"JPY":157.3}}' ]]
  [[ $stderr == 'would publish: '*' to=out.json' ]]
  [ ! -e out.json ]
  run -0 --separate-stderr publish -n -s rafiki:rafiki.json
  into_full() { publish -n -s rafiki:rafiki.json >/dev/full; }
  run -1 --separate-stderr into_full
  [[ $stderr == *'cannot write: No space left on device'*'not published:'* ]]
}

@test "an inverted source is refused, and the published rate kept" {
  publish -s rafiki:rafiki.json --to out.json
  echo '{"base":"USD","rates":{"EUR":1.08,"JPY":157.5}}' >rafiki.json
  run -0 --separate-stderr publish -s rafiki:rafiki.json --to out.json
  [[ $stderr == *'source 1 (rafiki, rafiki.json) says one USD buys 1.08 EUR, +16.64 % from the 0.9259'* ]]
  [[ $output == *' kept=1 '*' refused=1 '*'largest-change=JPY:+0.13%'* ]]
  [[ $(cat out.json) == '{"base":"USD","rates":{"EUR":0.9259,"JPY":157.5}}' ]]
  # With --strict the exit status says so too.
  run -3 publish -s rafiki:rafiki.json --to out.json --strict
  # The operator can let a rate through that is known to be right.
  run -0 publish -s rafiki:rafiki.json --to out.json --max-change 20 --strict
  [[ $(cat out.json) == *'"EUR":1.08,'* ]]
}

@test "when nothing can be published, what was there stays and the exit status is 1" {
  publish -s rafiki:rafiki.json --to out.json
  cp out.json before.json
  echo '{"base":"USD","rates":{"EUR":0}}' >rafiki.json
  run -1 --separate-stderr publish -s rafiki:rafiki.json --to out.json
  [[ $output == 'not published: sources=0/1 to=out.json' ]]
  [[ $stderr == *'EUR is not between 1e-18 and 1e18'* ]]
  run -1 publish -s rafiki:rafiki.json -s merchant:merchant.json --min-sources 2 --to out.json
  [[ $output == *'1 of 2 sources answered, and 2 are needed'* ]]
  cmp out.json before.json
  run -1 publish -s merchant:merchant.json --to no/such/folder/out.json
  [[ $output == *'No such file or directory'* ]]
  # Nothing half-written is left behind.
  [[ $(echo out.json*) == out.json ]]
}

@test "a file that is not a previous publication is not overwritten unless asked" {
  echo 'shopping list' >out.json
  run -1 publish -s rafiki:rafiki.json --to out.json
  [[ $output == *'out.json, is not one: not JSON'*'--no-previous'* ]]
  [[ $(cat out.json) == 'shopping list' ]]
  run -0 publish -s rafiki:rafiki.json --to out.json --no-previous
}

@test "what a source calls its assets cannot forge a line or move the cursor" {
  printf '{"base":"USD","rates":{"\\u001b[2J\\npublished: all is well":-1}}' >rafiki.json
  run -1 --separate-stderr publish -s rafiki:rafiki.json --to out.json
  # shellcheck disable=SC2154
  ((${#stderr_lines[@]} == 2))
  [[ $stderr == *'the rate of ?[2J?published: all is well is not between'* && $stderr != *$'\e'* ]]
}

@test "when all sources lost most assets at once, nothing is published" {
  echo '{"base":"USD","rates":{"A":1,"B":1,"C":1,"D":1,"E":1}}' >out.json
  echo '{"base":"USD","rates":{"A":1,"B":1}}' >rafiki.json
  run -1 publish -s rafiki:rafiki.json --to out.json
  [[ $output == *'3 of the 5 assets published before would be dropped'* ]]
  run -0 publish -s rafiki:rafiki.json --to out.json --no-previous
}

@test "old rates of the ECB are refused, and so are those of a future day" {
  ecb "$(date -u -d '8 days ago' +%F)" >ecb.xml
  run -1 publish -s ecb:ecb.xml --to out.json
  [[ $output == *'8 days old'*'max-age is 168 hours'* ]]
  run -0 publish -s ecb,max-age=240h:ecb.xml --to out.json
  ecb "$(date -u -d '3 days' +%F)" >ecb.xml
  run -1 publish -s ecb:ecb.xml --to out.json
  [[ $output == *'a day in the future'*clock* ]]
}

@test "a file is replaced whole: a reader never sees a part of it" {
  for i in {1..200}; do printf '"%s":%s,' "A$i" "$i"; done >list
  echo "{\"base\":\"USD\",\"rates\":{$(sed 's/,$//' list)}}" >rafiki.json
  publish -s rafiki:rafiki.json --to out.json
  ln -s out.json link.json
  python3 - out.json stop reading <<'PYTHON' >reader.log 2>&1 3>&- 4>&- &
import json, os, sys
reads = 0
while not os.path.exists(sys.argv[2]):
    assert len(json.load(open(sys.argv[1]))["rates"]) == 200
    reads += 1
    open(sys.argv[3], "w").close()
print(reads)
PYTHON
  reader=$!
  bed_wait 20 'the reader' test -e reading
  for _ in {1..10}; do publish -s rafiki:rafiki.json --to link.json; done
  touch stop
  wait $reader
  # The link stayed a link.
  [ -L link.json ]
}

@test "a link to a file that does not exist yet stays a link, and the file is made" {
  echo '{"base":"USD","rates":{"EUR":0.8}}' >rafiki.json
  mkdir sub
  ln -s sub/second.json first.json
  ln -s ../out.json sub/second.json
  publish -s rafiki:rafiki.json --to first.json
  [ -L first.json ]
  [ -L sub/second.json ]
  [ -f out.json ]
  [ ! -L out.json ]
}

@test "all URLs are fetched at once, and one that fails does not delay the others" {
  serve good
  run -0 --separate-stderr publish -s "rafiki:http://127.0.0.1:$port/rafiki.json?key=secret" \
    -s "ecb:http://127.0.0.1:$port/away?ecb.xml" -s "merchant,timeout=3s:http://127.0.0.1:$port/silent" \
    -s "merchant,timeout=3s:http://127.0.0.1:$port/drip" --to out.json
  [[ $output == 'published: sources=2/4 rates=2 '* ]]
  [[ $stderr == *'source 3 (merchant, 127.0.0.1) failed: Operation timed out'* ]]
  [[ $stderr == *'source 4 (merchant, 127.0.0.1) failed: Operation timed out'* ]]
  [[ $output$stderr != *secret* ]]
}

@test "whatever a server does wrong, its source counts as failed, with the reason" {
  serve bad
  head -c 60 rafiki.json >cut.json
  truncate -s 40 cut.json
  local at="http://127.0.0.1:$port"
  while read -r path reason; do
    run -1 publish -s "rafiki,timeout=20s:$at/$path" --to out.json
    [[ $output == *"failed: "*"$reason"* ]] || { echo "$path: $output"; return 1; }
  done <<'CASES'
nothing HTTP status 404
loop redirects
huge larger than 1048576 bytes
endless larger than 1048576 bytes
cut.json ends in the middle
ecb.xml not JSON
CASES
  run -1 publish -s "rafiki,max-size=20:$at/rafiki.json" --to out.json
  [[ $output == *'larger than 20 bytes'* ]]
  run -1 publish -s "ecb:$at/rafiki.json" -s "merchant:$at/ecb.xml" --to out.json
  [[ $output == *'not XML'*'not JSON'* ]]
  run -1 publish -s rafiki:http://127.0.0.1:1/ -s ecb:https://nowhere.invalid/ --to out.json
  [ ! -e out.json ]
}

@test "an untrusted certificate is refused" {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 2 2>/dev/null
  serve tls cert.pem key.pem
  run -1 publish -s "rafiki:https://localhost:$port/rafiki.json" --to out.json
  [[ $output == *'source 1 (rafiki, localhost) failed: '*certificate* ]]
  # So is a server that does not speak TLS.
  serve plain
  run -1 publish -s "rafiki:https://localhost:$port/rafiki.json" --to out.json
  [[ $output == *'failed: '* ]]
}

@test "the environment names sources and place, the command line takes precedence" {
  export TELLTALE_RATES_SOURCES="rafiki:rafiki.json  ecb,timeout=5s:ecb.xml" TELLTALE_RATES_TO=out.json
  run -0 publish
  [[ $output == 'published: sources=2/2 '*' to=out.json' ]]
  run -0 publish -s merchant:merchant.json --to other.json
  [[ $output == 'published: sources=1/1 '*' to=other.json' ]]
}

@test "wrong usage is exit status 2 and says the fix" {
  local usage
  while read -r usage; do
    # shellcheck disable=SC2086
    run -2 publish $usage
  done <<'CASES'
--to out.json
-s rafiki:rafiki.json
-s rafiki --to out.json
-s yaml:rafiki.json --to out.json
-s rafiki:rafiki.json -s rafiki:rafiki.json --to out.json
-s rafiki:ftp://host/x --to out.json
-s rafiki,timeout=never:rafiki.json --to out.json
-s rafiki,colour=red:rafiki.json --to out.json
-s rafiki,max-size=2000000:rafiki.json --to out.json
-s rafiki:rafiki.json --to out.json --max-change x
-s rafiki:rafiki.json --to out.json --max-change -1
-s rafiki:rafiki.json --to out.json --digits 19
-s rafiki:rafiki.json --to out.json --min-sources 2
-s rafiki:rafiki.json --to out.json --public-read
-s rafiki:rafiki.json --to out.json more
CASES
  run -2 publish -s 'yaml:https://host/?key=secret' --to out.json
  [[ $output == *'rafiki, merchant or ecb'* && $output != *secret* ]]
}

@test "what is published is what an independent implementation of the rules publishes" {
  python3 "$BATS_TEST_DIRNAME/publish_oracle.py" "$TELLTALE" "$BATS_TEST_TMPDIR" 100
}
