// SPDX-License-Identifier: Apache-2.0
/*
 * waiting.js GATE URL COUNT CA - once the file GATE exists, sends COUNT Prepares over TLS, each on a
 * connection of its own, to which server.js gives no reply. It makes GATE.sent when all have left, and then
 * waits until it is killed.
 */
'use strict'

const crypto = require('crypto')
const fs = require('fs')
const https = require('https')
const packet = require('ilp-packet')

const [gate, url, count, ca] = process.argv.slice(2)
const agent = new https.Agent({ keepAlive: true, ca: fs.readFileSync(ca) })
let left = Number(count)

function send () {
  const preimage = crypto.randomBytes(32)
  const bytes = packet.serializeIlpPrepare({
    amount: '1000',
    expiresAt: new Date(Date.now() + 600000),
    executionCondition: crypto.createHash('sha256').update(preimage).digest(),
    destination: 'test.bob.outcomes',
    data: Buffer.concat([preimage, Buffer.from('silence')])
  })
  const headers = { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes.length }
  const going = https.request(url, { method: 'POST', agent, headers })
  going.on('finish', () => { if (--left === 0) fs.writeFileSync(`${gate}.sent`, '') })
  going.end(bytes)
}

function look () {
  if (!fs.existsSync(gate)) return setTimeout(look, 20)
  for (let i = 0; i < Number(count); i++) send()
}

setInterval(() => {}, 60000)
fs.writeFileSync(`${gate}.up`, '')
look()
