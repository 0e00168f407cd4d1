// SPDX-License-Identifier: Apache-2.0
/*
 * asynchronous.js sender|receiver CONFIG - RFC 35's asynchronous mode between two processes: the Prepare is
 * answered with 202, and its reply comes as a request of its own to the sender's server, with the same
 * Request-Id. No published package implements this mode, so both ends are in this file.
 *
 * A Prepare's data says what the receiver does: fulfill, reject, overtake (the reply goes out before
 * the 202), twice (the reply is sent again), retry (the sender's server refuses it once with 503), late
 * (the Fulfill comes after the Prepare's expiry), never. CONFIG is JSON: {ready} for the receiver; {url,
 * each, ledger, gate} for the sender, which begins once the file GATE exists; and for both {http2}: what one
 * sends goes over one connection in HTTP/2, and {tls}: inside TLS, a folder with ca.pem, server.pem and
 * server.key.
 */
'use strict'

const crypto = require('crypto')
const fs = require('fs')
const http = require('http')
const http2 = require('http2')
const packet = require('ilp-packet')

const OCTET_STREAM = 'application/octet-stream'
const agent = new http.Agent({ keepAlive: true })

const [role, configFile] = process.argv.slice(2)
const config = JSON.parse(fs.readFileSync(configFile))

function createServer (handle) {
  if (!config.http2) return http.createServer({ keepAliveTimeout: 60000 }, handle)
  if (!config.tls) return http2.createServer(handle)
  const [key, cert] = ['server.key', 'server.pem'].map(name => fs.readFileSync(`${config.tls}/${name}`))
  return http2.createSecureServer({ key, cert }, handle)
}

// Resolves to the URL at which HANDLE is asked.
function listen (handle) {
  const server = createServer((request, response) => {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => handle(request.headers, Buffer.concat(chunks), response))
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => {
    resolve(`http${config.tls ? 's' : ''}://localhost:${server.address().port}/`)
  }))
}

// Begins a request to URL; what it returns emits 'response'.
const sessions = new Map()
function begin (url, headers) {
  headers = { 'content-type': OCTET_STREAM, ...headers }
  if (!config.http2) return http.request(url, { method: 'POST', agent, headers })
  if (!sessions.has(url)) {
    sessions.set(url, http2.connect(url, config.tls ? { ca: fs.readFileSync(`${config.tls}/ca.pem`) } : {}))
  }
  return sessions.get(url).request({ ':method': 'POST', ':path': '/', ...headers })
}

// Resolves to the status of the answer.
function post (url, headers, bytes) {
  return new Promise((resolve, reject) => {
    const going = begin(url, { 'content-length': bytes.length, ...headers })
    going.on('response', (answer) => {
      const stream = config.http2 ? going : answer
      stream.resume()
      stream.on('end', () => resolve(config.http2 ? answer[':status'] : answer.statusCode))
    })
    going.on('error', reject)
    going.end(bytes)
  })
}

async function until (holds) {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10))
}

async function receiver () {
  const url = await listen(async (headers, bytes, response) => {
    const prepare = packet.deserializeIlpPrepare(bytes)
    const how = prepare.data.subarray(32).toString()
    const id = { 'request-id': headers['request-id'] }
    const reply = how === 'reject'
      ? packet.serializeIlpReject({ code: 'T04', message: '', triggeredBy: 'test.bob', data: Buffer.alloc(0) })
      : packet.serializeIlpFulfill({ fulfillment: prepare.data.subarray(0, 32), data: Buffer.alloc(0) })
    const send = () => post(headers['callback-url'], id, reply)

    if (how === 'overtake') await send()
    response.writeHead(202).end()
    if (how === 'never' || how === 'overtake') return
    if (how === 'late') await until(() => Date.now() > prepare.expiresAt)
    const status = await send()
    if (how === 'twice' || status >= 500) await send()
  })
  fs.writeFileSync(`${config.ready}.tmp`, JSON.stringify({ url }))
  fs.renameSync(`${config.ready}.tmp`, config.ready)
}

async function sender () {
  const ledger = { prepares: 0, fulfilled: 0, rejected: 0, expired: 0, repeated: 0, unanswered: 0 }
  const waiting = new Map()
  const refused = new Set()
  const callback = await listen((headers, bytes, response) => {
    const id = headers['request-id']
    const sent = waiting.get(id)
    if (sent.how === 'retry' && !refused.has(id)) {
      refused.add(id)
      response.writeHead(503).end()
      return
    }
    response.writeHead(200).end()
    if (sent.answered) ledger.repeated++
    else if (sent.how === 'late') ledger.expired++
    else ledger[packet.isFulfill(packet.deserializeIlpReply(bytes)) ? 'fulfilled' : 'rejected']++
    sent.answered = true
    // The reply that was refused was also sent.
    if (sent.how === 'retry') ledger.repeated++
    if (--sent.replies === 0) sent.done()
  })
  const exchange = async (how) => {
    const preimage = crypto.randomBytes(32)
    const id = crypto.randomUUID()
    const done = new Promise((resolve) => waiting.set(id, { how, done: resolve, replies: how === 'twice' ? 2 : 1 }))
    ledger.prepares++
    const status = await post(config.url, { 'request-id': id, 'callback-url': callback }, packet.serializeIlpPrepare({
      amount: '1000',
      expiresAt: new Date(Date.now() + (how === 'late' ? 20 : 60000)),
      executionCondition: crypto.createHash('sha256').update(preimage).digest(),
      destination: 'test.bob.asynchronous',
      data: Buffer.concat([preimage, Buffer.from(how)])
    }))
    if (status !== 202) throw new Error(`answered ${status}, not 202`)
    if (how === 'never') ledger.unanswered++
    else await done
  }
  await until(() => fs.existsSync(config.gate))
  for (let i = 0; i < config.each; i++) {
    await Promise.all(['fulfill', 'reject', 'overtake', 'twice', 'retry', 'late', 'never'].map(exchange))
  }
  fs.writeFileSync(config.ledger, JSON.stringify(ledger) + '\n')
  process.exit(0)
}

(role === 'sender' ? sender() : receiver()).catch((error) => {
  console.error(error)
  process.exit(1)
})
