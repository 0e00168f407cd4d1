// SPDX-License-Identifier: Apache-2.0
//
// node.js receive PORT JOURNAL | send PORT URL WORKLOAD JOURNAL GO CONCURRENCY [h2]: one end of a pair of
// nodes that speak through ilp-plugin-http.
'use strict'

const Plugin = require('ilp-plugin-http')
const { Journal, answer, outcome, drive, untilExists } = require('../common/answer')

const secret = process.env.TOKEN || 'secret-of-alice'

function pluginAt (port, outgoing) {
  return new Plugin({ incoming: { port, staticToken: secret }, outgoing: { ...outgoing, staticToken: secret } })
}

async function receive (port, file) {
  const journal = new Journal(file)
  const plugin = pluginAt(port, { url: 'http://127.0.0.1:9/' })
  plugin.registerDataHandler(async (bytes) => {
    const { prepare, reply } = answer(bytes)
    journal.note('received', prepare, outcome(reply))
    return reply
  })
  await plugin.connect()
  console.log('ready')
}

async function send (port, url, workload, file, go, concurrency, http2) {
  const plugin = pluginAt(port, { url, http2: !!http2 })
  await plugin.connect()
  await untilExists(go)
  await drive(workload, new Journal(file), Number(concurrency), (bytes) => plugin.sendData(bytes))
  process.exit(0)
}

const [, , what, ...rest] = process.argv
const run = { receive, send }[what]
run(...rest)
