# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A sender that is started anew again and again under load, and what is held of it.

# Restarts of each storm; `make storm` has more. There a sender over TLS waits for nobody: on a machine that has nothing else
# to do its library is read before it can begin.
AT_ONCE=${STORM:+1}
STORM=${STORM:-9}
IN_FLIGHT=4

# storm_bob [tls]: whom all send to, for as long as the test lasts.
storm_bob() {
  if [[ ${1:-plain} == tls ]]; then
    receiver_tls bob
    URL=https://localhost:$(connector_port bob)/
  else
    receiver bob
    URL=http://127.0.0.1:$(connector_port bob)/
  fi
  : >"$BED/journal"
  [[ ! $AT_ONCE ]] || touch "$BED/journal.read"
  STORM_READ=0
}

# The command of the sender, as an array.
storm_sender() {
  SENDER=("$(command -v node)" "$ROOT/tests/targets/sender.js" "$URL" "$BED/journal" "$IN_FLIGHT")
  if [[ $URL == https:* ]]; then SENDER+=("$BED/ca.pem"); fi
}

# Prepares that the senders have begun, and those that were answered.
storm_begun() {
  tr -cd p <"$BED/journal" | wc -c
}

storm_answered() {
  tr -cd a <"$BED/journal" | wc -c
}

# storm_goes_on: the sender that was started last gets answers; for how many of them to wait. Over TLS it begins when
# telltale reads its library: what it did sooner, on a busy machine, would rightly be announced.
storm_goes_on() {
  local want=$(($(storm_answered) + ${1:-20}))
  if [[ $URL == https:* && ! $AT_ONCE ]]; then
    bed_wait 30 "the sender's TLS library to be read" at_least $((STORM_READ + 1)) tls_read tt
    touch "$BED/journal.read"
  fi
  bed_wait 30 'answers to the sender' at_least "$want" storm_answered
  [[ $URL != https:* ]] || STORM_READ=$(tls_read tt)
  [[ ! $AT_ONCE ]] || touch "$BED/journal.read"
}

# storm_holds RESTARTS: what the senders' own code sent is what telltale saw, but for what the cuts
# left between the two: nothing that bob received or that was answered is missing.
storm_holds() {
  connector_count bob
  python3 - "$BED/tt.truth" "$BED/bob.count" "$(storm_begun)" "$(storm_answered)" "$(($1 * IN_FLIGHT))" <<'PYTHON'
import json, sys
truth, bob = (json.load(open(f)) for f in sys.argv[1:3])
begun, answered, cut = map(int, sys.argv[3:])
seen, fulfilled = sum(truth["outcomes"].values()), truth["outcomes"]["fulfilled"]
received = bob["received"]["prepares"] + bob["received"]["probe_prepares"]
print(f"begun {begun}, seen {seen}, received by bob {received}; answered {answered}, seen {fulfilled}")
print(f"outcomes {truth['outcomes']}, lost {truth['lost']}, at most {cut} cut")
sys.exit(not (answered and received <= seen <= begun and answered <= fulfilled <= received
              and begun - answered <= cut and not truth["outcomes"]["lost"]))
PYTHON
}
