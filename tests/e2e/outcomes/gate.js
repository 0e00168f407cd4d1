// SPDX-License-Identifier: Apache-2.0
// gate.js GATE ARGUMENTS...: client.js once the file GATE is there; GATE.up says that it waits.
'use strict'

const fs = require('fs')
require('https') // the TLS library is looked for in the process, which is to be as it will be

const gate = process.argv[2]
process.argv.splice(1, 2, require.resolve('./client'))
fs.writeFileSync(`${gate}.up`, '')
const look = () => fs.existsSync(gate) ? require('./client') : setTimeout(look, 20)
look()
