// SPDX-License-Identifier: Apache-2.0
/*
 * again.js serve READY close|reset   a peer that breaks the connection on which a Prepare comes first, and
 *                                    fulfills it when it comes again
 * again.js pay URL COUNT             a client that sends each Prepare again at once when its connection broke;
 *                                    prints how many were fulfilled
 */
'use strict'

const crypto = require('crypto')
const fs = require('fs')
const http = require('http')
const packet = require('ilp-packet')

function serve (ready, how) {
  const seen = new Set()
  const server = http.createServer((request, response) => {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const prepare = packet.deserializeIlpPrepare(Buffer.concat(chunks))
      const name = prepare.executionCondition.toString('hex')
      if (!seen.has(name)) {
        seen.add(name)
        return how === 'reset' ? request.socket.resetAndDestroy() : request.socket.destroy()
      }
      const body = packet.serializeIlpFulfill({ fulfillment: prepare.data.subarray(0, 32), data: Buffer.alloc(0) })
      response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': body.length }).end(body)
    })
  })
  server.listen(0, '127.0.0.1', () => {
    fs.writeFileSync(`${ready}.new`, JSON.stringify({ port: server.address().port }))
    fs.renameSync(`${ready}.new`, ready)
  })
}

function post (url, bytes) {
  return new Promise((resolve) => {
    const options = { method: 'POST', headers: { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes.length } }
    const going = http.request(url, options, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', () => resolve(null))
      response.on('end', () => resolve(Buffer.concat(chunks)))
    })
    going.on('error', () => resolve(null))
    going.end(bytes)
  })
}

async function pay (url, count) {
  let fulfilled = 0
  for (let i = 0; i < count; i++) {
    const preimage = crypto.randomBytes(32)
    const bytes = packet.serializeIlpPrepare({
      amount: '100',
      destination: `test.bob.${i}`,
      executionCondition: crypto.createHash('sha256').update(preimage).digest(),
      expiresAt: new Date(Date.now() + 30000),
      data: preimage
    })
    const reply = await post(url, bytes) || await post(url, bytes)
    fulfilled += reply && packet.isFulfill(packet.deserializeIlpReply(reply)) ? 1 : 0
  }
  console.log(fulfilled)
}

const [what, where, how] = process.argv.slice(2)
if (what === 'serve') serve(where, how)
else pay(where, Number(how))
