# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Which tests of ILP over HTTP/2 expect it to be counted exactly. Sourced by wires.bash and ../network/network.bats.

# Tests whose packets are not counted yet, as patterns of their names: what was not counted of these is announced. All others
# are counted exactly.
#
# Where packets are lost, more of a connection with many streams comes out of order than there is room to keep.
ANNOUNCED=('HTTP/2 at * loss*')

# Prints how this test's wire is expected to be counted: exactly, or announced.
expected() {
  local pattern how=exactly
  for pattern in "${ANNOUNCED[@]}"; do
    # shellcheck disable=SC2053 # a pattern
    [[ $BATS_TEST_DESCRIPTION != $pattern ]] || how=announced
  done
  echo $how
}
