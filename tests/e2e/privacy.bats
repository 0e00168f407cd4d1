#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `telltale privacy apply` as a person uses it; needs no root.
# shellcheck disable=SC2119,SC2120 # `run` passes apply its arguments

bats_require_minimum_version 1.5.0

setup() {
  TELLTALE=${TELLTALE:-$BATS_TEST_DIRNAME/../../build/telltale}
}

apply() {
  "$TELLTALE" privacy apply "$@"
}

@test "the published table comes out to the digit" {
  run -0 --separate-stderr apply --no-noise <<'END'
8300
13200
147700
1426100
1788200
90422400
112400400
222290500
END
  [ "$output" = "$(printf '%s\t%s\t%s\n' \
    8300 10000 10000 \
    13200 15000 15000 \
    147700 160000 160000 \
    1426100 2560000 2560000 \
    1788200 2560000 2560000 \
    90422400 10000000 90000000 \
    112400400 10000000 100000000 \
    222290500 10000000 100000000)" ]
  [ -z "$stderr" ]
}

@test "noise comes as a fourth column, near the rounded value and new each time" {
  # 2000 draws of scale 1000 around 10000: one beyond 40000 has a chance of 2000 e^-40.
  yes 8300 | head -n 2000 | apply >"$BATS_TEST_TMPDIR/noisy"
  [ "$(cut -f1-3 "$BATS_TEST_TMPDIR/noisy" | sort -u)" = "$(printf '8300\t10000\t10000')" ]
  awk -F'\t' 'NF != 4 || $4 !~ /^-?[0-9]+$/ || $4 == 0 || $4 < -30000 || $4 > 50000 { bad = 1 }
    END { exit bad }' "$BATS_TEST_TMPDIR/noisy"
  [ "$(cut -f4 "$BATS_TEST_TMPDIR/noisy" | sort -u | wc -l)" -gt 500 ]
}

@test "garbage is reported with its line number, and what follows is still processed" {
  run -1 --separate-stderr apply --no-noise \
    < <(printf '8300\nten\n\n-5\n1.00\n0x10\n18446744073709551616\n13200')
  [ "$output" = "$(printf '8300\t10000\t10000\n13200\t15000\t15000')" ]
  for line in 2 3 4 5 6 7; do
    [[ $stderr == *"line $line: "* ]]
  done
  [[ $stderr != *"line 1: "* && $stderr != *"line 8: "* ]]
}

@test "the largest 64-bit value passes, and Windows line ends do not matter" {
  run -0 apply --no-noise < <(printf '18446744073709551615\r\n0\r\n')
  [ "${lines[0]}" = "$(printf '18446744073709551615\t10000000\t100000000')" ]
  [ "${lines[1]}" = "$(printf '0\t2500\t2500')" ]
}

@test "a NUL in a line is garbage, not its end" {
  run -1 --separate-stderr apply --no-noise < <(printf '83\00000\n')
  [ -z "$output" ]
  [[ $stderr == *"line 1: "* ]]
}

@test "limits are options" {
  run -0 apply --no-noise --max-value 10000000 <<<222290500
  [ "$output" = "$(printf '222290500\t10000000\t10000000')" ]
  run -0 apply --no-noise --min-bucket 5000 --min-value 5000 <<<100
  [ "$output" = "$(printf '100\t5000\t5000')" ]
  run -0 apply --no-noise --max-bucket 40000 <<<147700
  [ "$output" = "$(printf '147700\t40000\t160000')" ]
}

@test "impossible limits and unknown options are wrong usage" {
  run -2 apply --min-bucket 0 <<<1
  run -2 apply --min-bucket 5000 --max-bucket 2500 <<<1
  [[ $output == *"min_bucket is above max_bucket"* ]]
  run -2 apply --min-value 1.5 <<<1
  run -2 apply --frobnicate <<<1
  run -2 apply 8300 <<<1
  run -2 "$TELLTALE" privacy
  run -2 "$TELLTALE" privacy unknown
}

@test "empty input is no error" {
  run -0 apply </dev/null
  [ -z "$output" ]
}

@test "output that cannot be written is an error" {
  run -1 bash -c "echo 8300 | '$TELLTALE' privacy apply >/dev/full"
}

@test "help says the units" {
  run -0 apply --help
  [[ $output == *"10000 is 1.00 USD"* ]]
}

# The scheme implemented from its description, in decimals, without any of telltale's code.
@test "a million values come out as from an independent implementation" {
  cat >"$BATS_TEST_TMPDIR/other.py" <<'PYTHON'
import random, sys
from decimal import Decimal, ROUND_HALF_DOWN, ROUND_HALF_UP, getcontext

getcontext().prec = 40
random.seed(4711)
powers = [Decimal(5000 * 2**k) for k in range(60)]
with open(sys.argv[1], "w") as values, open(sys.argv[2], "w") as results:
    for n in range(1000000):
        value = n if n < 30000 else random.getrandbits(random.randint(1, 64))
        v = Decimal(value)
        if v < 20000:
            bucket = (v / 5000).quantize(Decimal(1), ROUND_HALF_UP) * 5000
        else:
            bucket = next(p for p in powers if p >= v)
        bucket = min(max(bucket, Decimal(2500)), Decimal(10000000))
        clamped = min(max(v, Decimal(2500)), Decimal(100000000))
        rounded = (clamped / bucket).quantize(Decimal(1), ROUND_HALF_DOWN) * bucket
        rounded = max(rounded, bucket / 2)
        values.write(f"{value}\n")
        results.write(f"{value}\t{int(bucket)}\t{int(rounded)}\n")
PYTHON
  python3 "$BATS_TEST_TMPDIR/other.py" "$BATS_TEST_TMPDIR/values" "$BATS_TEST_TMPDIR/other"
  apply --no-noise <"$BATS_TEST_TMPDIR/values" | cmp - "$BATS_TEST_TMPDIR/other"
}

@test "one report of bucket-laplace distinguishes two values by 8 nats and more" {
  run -0 "$TELLTALE" privacy audit --values 40000,80000 --samples 1000000
  # A million runs give 9.1 to 9.7, seldom less than 9; ten million give 10.3.
  [[ $output =~ 'epsilon    at least '([0-9]+) ]]
  [ "${BASH_REMATCH[1]}" -ge 8 ]
  run -2 "$TELLTALE" privacy audit --values 1
  run -2 "$TELLTALE" privacy audit --mechanism magic
}

@test "the audit searches for the worst pair itself when none is given" {
  run -0 "$TELLTALE" privacy audit --samples 50000
  [[ $output =~ 'epsilon    at least '([0-9]+) ]]
  [ "${BASH_REMATCH[1]}" -ge 6 ]
}

@test "suggested clips are a configuration, and grow with the payments expected" {
  run -0 "$TELLTALE" privacy suggest --payments 10000
  [[ $output == *'day_clip: 10000000'* ]]
  [[ $output == *'hour_clip: 200000'* ]]
  { printf 'enabled: true\n'; printf '%s\n' "$output"; } >"$BATS_TEST_TMPDIR/t.yaml"
  run -0 "$TELLTALE" check --config "$BATS_TEST_TMPDIR/t.yaml" --print-config
  [[ $output == *'mechanism: continual'* ]]
  run -0 "$TELLTALE" privacy suggest --payments 100
  [[ $output == *'hour_clip: 0'* ]]
  run -2 "$TELLTALE" privacy suggest
  run -2 "$TELLTALE" privacy suggest --payments 10 --epsilon 0
}
