// SPDX-License-Identifier: Apache-2.0
/*
 * asynchronous.js sender|receiver CONFIG - RFC 35's asynchronous mode between two processes: the Prepare is
 * answered with 202, and its reply comes as a request of its own to the sender's server, with the same
 * Request-Id. No published package implements this mode, so both ends are in this file.
 *
 * A Prepare's data says what the receiver does: fulfill, reject, overtake (the reply goes out before
 * the 202), twice (the reply is sent again), retry (the sender's server refuses it once with 503),
 * never. CONFIG is JSON: {ready} for the receiver; {url, each, ledger} for the sender.
 */
'use strict'

const crypto = require('crypto')
const fs = require('fs')
const http = require('http')
const packet = require('ilp-packet')

const OCTET_STREAM = 'application/octet-stream'
const agent = new http.Agent({ keepAlive: true })

const [role, configFile] = process.argv.slice(2)
const config = JSON.parse(fs.readFileSync(configFile))

function listen (handle) {
  const server = http.createServer((request, response) => {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => handle(request.headers, Buffer.concat(chunks), response))
  })
  server.keepAliveTimeout = 60000
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

function post (url, headers, bytes) {
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', agent, headers: { 'Content-Type': OCTET_STREAM, 'Content-Length': bytes.length, ...headers } }
    const going = http.request(url, options, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
    })
    going.on('error', reject)
    going.end(bytes)
  })
}

async function receiver () {
  const server = await listen(async (headers, bytes, response) => {
    const prepare = packet.deserializeIlpPrepare(bytes)
    const how = prepare.data.subarray(32).toString()
    const id = { 'Request-Id': headers['request-id'] }
    const reply = how === 'reject'
      ? packet.serializeIlpReject({ code: 'T04', message: '', triggeredBy: 'test.bob', data: Buffer.alloc(0) })
      : packet.serializeIlpFulfill({ fulfillment: prepare.data.subarray(0, 32), data: Buffer.alloc(0) })
    const send = () => post(headers['callback-url'], id, reply)

    if (how === 'overtake') await send()
    response.writeHead(202).end()
    if (how === 'never' || how === 'overtake') return
    const status = await send()
    if (how === 'twice' || status >= 500) await send()
  })
  fs.writeFileSync(`${config.ready}.tmp`, JSON.stringify({ port: server.address().port }))
  fs.renameSync(`${config.ready}.tmp`, config.ready)
}

async function sender () {
  const ledger = { prepares: 0, fulfilled: 0, rejected: 0, repeated: 0, unanswered: 0 }
  const waiting = new Map()
  const refused = new Set()
  const server = await listen((headers, bytes, response) => {
    const id = headers['request-id']
    const sent = waiting.get(id)
    if (sent.how === 'retry' && !refused.has(id)) {
      refused.add(id)
      response.writeHead(503).end()
      return
    }
    response.writeHead(200).end()
    if (sent.answered) ledger.repeated++
    else ledger[packet.isFulfill(packet.deserializeIlpReply(bytes)) ? 'fulfilled' : 'rejected']++
    sent.answered = true
    // The reply that was refused was also sent.
    if (sent.how === 'retry') ledger.repeated++
    if (--sent.replies === 0) sent.done()
  })
  const callback = `http://127.0.0.1:${server.address().port}/callback`
  const exchange = async (how) => {
    const preimage = crypto.randomBytes(32)
    const id = crypto.randomUUID()
    const done = new Promise((resolve) => waiting.set(id, { how, done: resolve, replies: how === 'twice' ? 2 : 1 }))
    ledger.prepares++
    const status = await post(config.url, { 'Request-Id': id, 'Callback-Url': callback }, packet.serializeIlpPrepare({
      amount: '1000',
      expiresAt: new Date(Date.now() + 60000),
      executionCondition: crypto.createHash('sha256').update(preimage).digest(),
      destination: 'test.bob.asynchronous',
      data: Buffer.concat([preimage, Buffer.from(how)])
    }))
    if (status !== 202) throw new Error(`answered ${status}, not 202`)
    if (how === 'never') ledger.unanswered++
    else await done
  }
  for (let i = 0; i < config.each; i++) {
    await Promise.all(['fulfill', 'reject', 'overtake', 'twice', 'retry', 'never'].map(exchange))
  }
  fs.writeFileSync(config.ledger, JSON.stringify(ledger))
  process.exit(0)
}

(role === 'sender' ? sender() : receiver()).catch((error) => {
  console.error(error)
  process.exit(1)
})
