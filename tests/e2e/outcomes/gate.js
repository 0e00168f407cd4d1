// SPDX-License-Identifier: Apache-2.0
// gate.js GATE ARGUMENTS...: runs client.js once the file GATE exists; GATE.up exists while it waits.
'use strict'

const fs = require('fs')
require('https') // telltale looks for the TLS library in the process, so it must be loaded already

const gate = process.argv[2]
process.argv.splice(1, 2, require.resolve('./client'))
fs.writeFileSync(`${gate}.up`, '')
const look = () => fs.existsSync(gate) ? require('./client') : setTimeout(look, 20)
look()
