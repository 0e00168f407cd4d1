// SPDX-License-Identifier: Apache-2.0
//
// wallet.js receive PORT URL JOURNAL CREDENTIALS | pay PORT URL JOURNAL CREDENTIALS GO PAYMENTS: a STREAM
// receiver or sender that is a child of the connector at URL. What crosses the plugin's own interface,
// both ways, goes to the journal.
'use strict'

const fs = require('fs')
const { Duplex } = require('stream')

// ilp-protocol-stream 2.7.1 assigns `closed` on its streams; from Node 18 on that is read-only.
Object.defineProperty(Duplex.prototype, 'closed', { value: false, writable: true, configurable: true })

const Plugin = require('ilp-plugin-http')
const Stream = require('ilp-protocol-stream')
const { Journal, outcome, packet, untilExists } = require('../common/answer')

const AMOUNT = 100000

function counted (plugin, journal) {
  const send = plugin.sendData.bind(plugin)
  const register = plugin.registerDataHandler.bind(plugin)
  plugin.sendData = async (bytes) => {
    const prepare = packet.deserializeIlpPrepare(bytes)
    const reply = await send(bytes).catch((error) => {
      journal.note('sent', prepare, 'http_error')
      throw error
    })
    journal.note('sent', prepare, outcome(reply))
    return reply
  }
  plugin.registerDataHandler = (handler) => register(async (bytes) => {
    const reply = await handler(bytes)
    journal.note('received', packet.deserializeIlpPrepare(bytes), outcome(reply))
    return reply
  })
  return plugin
}

async function receive (plugin, credentials) {
  const server = await Stream.createServer({ plugin })
  server.on('connection', (connection) => {
    connection.on('stream', (stream) => stream.setReceiveMax('18446744073709551615'))
  })
  fs.writeFileSync(credentials + '.new', JSON.stringify(Array.from({ length: 100 }, () => {
    const { destinationAccount, sharedSecret } = server.generateAddressAndSecret()
    return { destinationAccount, sharedSecret: sharedSecret.toString('base64') }
  })))
  fs.renameSync(credentials + '.new', credentials)
}

async function payOne (plugin, { destinationAccount, sharedSecret }) {
  const connection = await Stream.createConnection({
    plugin, destinationAccount, sharedSecret: Buffer.from(sharedSecret, 'base64'), slippage: 0.05
  })
  const stream = connection.createStream()
  await stream.sendTotal(AMOUNT)
  await connection.end()
}

async function pay (plugin, credentials, go, payments) {
  await untilExists(go)
  // One after the other: a plugin has one handler, the newest connection's.
  for (const bill of JSON.parse(fs.readFileSync(credentials)).slice(0, Number(payments))) {
    await payOne(plugin, bill)
  }
  console.log('paid')
}

async function main () {
  const [what, port, url, file, credentials, ...rest] = process.argv.slice(2)
  const plugin = counted(new Plugin({
    incoming: { port: Number(port), staticToken: 'secret' },
    outgoing: { url, staticToken: 'secret' }
  }), new Journal(file))
  await plugin.connect()
  await { receive, pay }[what](plugin, credentials, ...rest)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
