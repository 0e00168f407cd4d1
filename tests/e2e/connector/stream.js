// SPDX-License-Identifier: Apache-2.0
// STREAM over this node's links: the receiving server, and payments as a wallet makes them.
'use strict'

const { Duplex } = require('stream')
const http = require('http')
const https = require('https')
const fs = require('fs')

// ilp-protocol-stream 2.7.1 assigns `closed` on its streams; from Node 18 on Duplex has a read-only
// accessor of that name, and the assignment would throw.
Object.defineProperty(Duplex.prototype, 'closed', { value: false, writable: true, configurable: true })

const Ildcp = require('ilp-protocol-ildcp')
const Stream = require('ilp-protocol-stream')
const { seeded } = require('./random')

const PAYMENT_TIMEOUT_MS = 240000

// A plugin as ilp-protocol-stream defines it. SEND takes a packet's bytes and resolves to the reply's.
function plugin (send) {
  let handler = async () => { throw new Error('nothing is expected to come in here') }
  return {
    connect: async () => {},
    disconnect: async () => {},
    isConnected: () => true,
    sendData: send,
    registerDataHandler: (f) => { handler = f },
    deregisterDataHandler: () => {},
    handle: (bytes) => handler(bytes)
  }
}

class StreamReceiver {
  constructor (address, asset) {
    this.plugin = plugin((requestPacket) => Ildcp.serve({
      requestPacket,
      serverAddress: address,
      handler: async () => ({ clientAddress: address, assetCode: asset.code, assetScale: asset.scale })
    }))
  }

  async start () {
    this.server = await Stream.createServer({ plugin: this.plugin })
    this.server.on('connection', (connection) => {
      connection.on('error', () => {})
      connection.on('stream', (stream) => {
        stream.on('error', () => {})
        stream.setReceiveMax('18446744073709551615')
      })
    })
  }

  handle (bytes) {
    return this.plugin.handle(bytes)
  }

  credentials () {
    const { destinationAccount, sharedSecret } = this.server.generateAddressAndSecret()
    return { destinationAccount, sharedSecret: sharedSecret.toString('base64') }
  }
}

function getJson (url, ca) {
  const { get, Agent } = url.startsWith('https:') ? https : http
  return new Promise((resolve, reject) => {
    get(url, { agent: new Agent({ ca }) }, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new Error(`${url}: HTTP ${response.statusCode}`))
        else resolve(JSON.parse(Buffer.concat(chunks)))
      })
    }).on('error', reject)
  })
}

// One stream to the receiver at URL: AMOUNT null asks only for the price, as a quote does.
async function stream (node, link, { url, ca }, amount) {
  const { destinationAccount, sharedSecret } = await getJson(url, ca)
  const connection = await Stream.createConnection({
    plugin: plugin((bytes) => node.originate(link, bytes)),
    destinationAccount,
    sharedSecret: Buffer.from(sharedSecret, 'base64'),
    slippage: 0.05
  })
  connection.on('error', () => {})
  if (amount !== null) {
    const money = connection.createStream()
    money.on('error', () => {})
    await money.sendTotal(String(amount), { timeout: PAYMENT_TIMEOUT_MS })
  }
  await connection.end()
}

/*
 * Makes PAYMENTS payments, CONCURRENCY at a time, of MIN to MAX units, over the links in turn; QUOTES of them
 * ask for the price first, with a stream of its own, as wallets do. TO lists where receivers give out
 * addresses: one { url, ca } for each link.
 */
async function pay (node, { payments, concurrency, min = 1000, max = 5000000, quotes = 0.5, seed = 1, to }) {
  const random = seeded(seed)
  const jobs = Array.from({ length: payments }, (_, i) => ({
    link: node.links[i % node.links.length],
    to: { url: to[i % to.length].url, ca: to[i % to.length].ca && fs.readFileSync(to[i % to.length].ca) },
    amount: random.amount(min, max),
    quote: random.chance(quotes)
  }))
  const result = { completed: 0, failed: 0, errors: [] }
  const worker = async () => {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      try {
        if (job.quote) await stream(node, job.link, job.to, null)
        await stream(node, job.link, job.to, job.amount)
        result.completed++
      } catch (error) {
        result.failed++
        if (result.errors.length < 10) result.errors.push(error.message)
      }
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  return result
}

module.exports = { StreamReceiver, pay }
