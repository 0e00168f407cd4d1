#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The releases of Node.js that `make tls` takes besides.

load ../../e2e/helper
load ../node

@test "a connector on Node.js 20" { runs_on node-20 all; }
@test "a connector on Node.js 22" { runs_on node-22 all; }
