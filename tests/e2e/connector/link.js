// SPDX-License-Identifier: Apache-2.0
// ILP over HTTP as a Rafiki node speaks it: axios going out, Koa coming in, one exchange a request.
'use strict'

const crypto = require('crypto')
const fs = require('fs')
const http = require('http')
const https = require('https')
const axios = require('axios')
const Koa = require('koa')
const getRawBody = require('raw-body')
const packet = require('ilp-packet')

const OCTET_STREAM = 'application/octet-stream'

function rejection (code, message, triggeredBy, data = Buffer.alloc(0)) {
  return packet.serializeIlpReject({ code, message, triggeredBy, data })
}

// One peer this node sends to.
class OutgoingLink {
  constructor (peer, address) {
    this.asset = peer.asset
    this.address = address
    const agent = { keepAlive: true }
    this.client = axios.create({
      baseURL: peer.url,
      headers: { Accept: OCTET_STREAM, 'Content-Type': OCTET_STREAM, Authorization: `Bearer ${peer.token}` },
      responseType: 'arraybuffer',
      validateStatus: null,
      proxy: false,
      httpAgent: new http.Agent(agent),
      httpsAgent: new https.Agent(peer.ca ? { ...agent, ca: fs.readFileSync(peer.ca) } : agent)
    })
  }

  // Sends the Prepare in BYTES, counts it and its reply in TALLY, and returns the reply's bytes. Without a
  // reply it returns a Reject of this node's own.
  async send (bytes, tally) {
    const prepare = packet.deserializeIlpPrepare(bytes)
    const left = prepare.expiresAt.getTime() - Date.now()
    let response
    tally.prepare(prepare)
    try {
      response = await this.client.post('', bytes, { timeout: Math.max(1, left) })
    } catch (error) {
      if (error.code === 'ECONNABORTED' || error.code === 'ETIMEDOUT') {
        tally.expired++
        return rejection('R00', 'no reply before the expiry', this.address)
      }
      tally.httpErrors++
      return rejection('T01', `peer cannot be reached: ${error.code || error.message}`, this.address)
    }
    if (response.status !== 200) {
      tally.httpErrors++
      return rejection('T00', `peer answered HTTP ${response.status}`, this.address)
    }
    return this.count(prepare, Buffer.from(response.data), tally)
  }

  count (prepare, bytes, tally) {
    const reply = packet.deserializeIlpReply(bytes)
    if (packet.isReject(reply)) {
      tally.reject(prepare, reply.code)
      return bytes
    }
    if (Date.now() > prepare.expiresAt.getTime()) {
      tally.expired++
      return rejection('R00', 'the Fulfill came after the expiry', this.address)
    }
    const condition = crypto.createHash('sha256').update(reply.fulfillment).digest()
    if (!condition.equals(prepare.executionCondition)) tally.badFulfillments++
    tally.fulfill(prepare, this.asset)
    return bytes
  }

  close () {
    this.client.defaults.httpAgent.destroy()
    this.client.defaults.httpsAgent.destroy()
  }
}

// Serves POSTed Prepares at every path with HANDLE(prepare bytes, the caller's entry in INCOMING)
// and, where CREDENTIALS is a function, payment details as JSON at GET /pay.
function serve ({ listen, incoming, handle, credentials, onUnauthorised }) {
  const callers = new Map(incoming.map((entry) => [entry.token, entry]))
  const app = new Koa()

  app.use(async (ctx) => {
    if (ctx.method === 'GET' && ctx.path === '/pay' && credentials) {
      ctx.body = credentials()
      return
    }
    const match = /^Bearer (.*)$/.exec(ctx.get('Authorization'))
    const caller = match && callers.get(match[1])
    if (!caller) {
      onUnauthorised()
      ctx.throw(401)
    }
    const bytes = await getRawBody(ctx.req, { limit: '64kb' })
    ctx.set('Content-Type', OCTET_STREAM)
    ctx.body = await handle(bytes, caller)
  })
  app.silent = true

  const callback = app.callback()
  const server = listen.cert
    ? https.createServer({ cert: fs.readFileSync(listen.cert), key: fs.readFileSync(listen.key) }, callback)
    : http.createServer(callback)
  // With Node's default of 5 s, a busy host may close a connection just when the next request is on its way.
  server.keepAliveTimeout = 60000
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const where = listen.fd || listen.path
      ? { fd: listen.fd, path: listen.path }
      : { host: listen.host, port: listen.port || 0, backlog: 4096 }
    server.listen(where, () => resolve(server))
  })
}

module.exports = { OutgoingLink, serve, rejection }
