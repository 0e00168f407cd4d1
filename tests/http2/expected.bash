# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# How exactly the tests of ILP over HTTP/2 expect it to be counted. Sourced by wires.bash and ../network/network.bats.

# Tests of which some exchanges may be missing, as patterns of their names. All others are counted exactly.
#
# On a connection with many streams at once more bytes may come out of order than there is room to keep.
NEARLY=('HTTP/2 at 5 % loss*')

# Prints how this test's wire is expected to be counted: exactly, or nearly.
expected() {
  local pattern how=exactly
  for pattern in "${NEARLY[@]}"; do
    # shellcheck disable=SC2053 # a pattern
    [[ $BATS_TEST_DESCRIPTION != $pattern ]] || how=nearly
  done
  echo $how
}
