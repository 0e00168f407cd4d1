# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Starts tests/tls/talker, a program that uses the libssl it is told to.

# talker_start LIBRARY MANNER PORT CONNECTIONS REQUESTS [THREADS]: in the cgroup `talkers`; waits for
# talker_go before it says anything, with the library open, and with LATE set before it opens it, for
# the file talker.load. LIBRARY is 3, the host's or that in LIBSSL_DIR, or 1.1.
talker_start() {
  local library=libssl.so.3 path=${LIBSSL_DIR:-}
  if [[ $1 == 1.1 ]]; then path=$PARTS/libssl1.1 library=$path/libssl.so.1.1; fi
  [[ $1 != 1.1 || -e $library ]] || skip 'needs scripts/parts-tls: libssl 1.1 is not there'
  rm -f "$BED/talker.go"
  bed_spawn talker "$ROOT/tests/e2e/in-cgroup" "$BED_CGROUP/talkers" \
    env LD_LIBRARY_PATH="$path" ${LATE:+LOAD="$BED/talker.load"} GO="$BED/talker.go" \
    GO_CHILD="$BED/talker.go-child" \
    "$ROOT/build/tests/talker" "$library" "$2" "$3" "$BED/prepare" "$4" "$5" "${@:6}"
}

# talker_go TELLTALE: once telltale reads it.
talker_go() {
  bed_wait 20 'the talker to be noticed' is_read "$1" "$(bed_pid talker)"
  touch "$BED/talker.go"
}

# is_read TELLTALE PID: for bed_wait.
is_read() {
  grep -q "reading the TLS library of process $2 " "$BED/$1.log"
}
