// SPDX-License-Identifier: Apache-2.0
/*
 * sender.js URL JOURNAL CONCURRENCY [CA] - sends Prepares to bob without a pause until SIGTERM, or
 * until it is killed, and keeps a journal that a crash cannot take back: a "p" before each Prepare is
 * handed to Node.js, an "a" once its Fulfill has come.
 *
 * Over TLS it begins when it finds the file JOURNAL.read, which it takes away: who starts it makes that once its TLS
 * library is read, some milliseconds after it has started.
 */
'use strict'

const crypto = require('crypto')
const fs = require('fs')
const http = require('http')
const https = require('https')
const path = require('path')

const packet = require(require.resolve('ilp-packet', { paths: [path.join(__dirname, '../e2e')] }))

const [url, journal, concurrency, ca] = process.argv.slice(2)
const secure = url.startsWith('https:')
const agent = new (secure ? https : http).Agent({ keepAlive: true, ca: ca && fs.readFileSync(ca) })
const file = fs.openSync(journal, 'a')
const run = crypto.randomBytes(6).toString('hex')
let ending = false
let sent = 0

function prepare () {
  const preimage = crypto.randomBytes(32)
  return packet.serializeIlpPrepare({
    amount: '1000',
    expiresAt: new Date(Date.now() + 30000),
    executionCondition: crypto.createHash('sha256').update(preimage).digest(),
    destination: `test.bob.raw.${run}.${Math.floor(sent++ / 10)}`,
    data: Buffer.concat([preimage, Buffer.from('   storm')])
  })
}

function exchange (body) {
  return new Promise((resolve, reject) => {
    const request = (secure ? https : http).request(url, {
      method: 'POST',
      agent,
      headers: {
        'Content-Type': 'application/octet-stream',
        'Content-Length': body.length,
        Authorization: 'Bearer secret-of-alice'
      }
    }, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve(Buffer.concat(chunks)))
    })
    request.on('error', reject)
    request.end(body)
  })
}

async function worker () {
  while (!ending) {
    fs.writeSync(file, 'p')
    const reply = await exchange(prepare())
    if (!packet.isFulfill(packet.deserializeIlpReply(reply))) throw new Error('no Fulfill')
    fs.writeSync(file, 'a')
  }
}

async function readable () {
  while (!ending) {
    try {
      return fs.unlinkSync(`${journal}.read`)
    } catch (error) {
      if (error.code !== 'ENOENT') throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function main () {
  if (secure) await readable()
  await Promise.all(Array.from({ length: Number(concurrency) }, worker))
}

process.once('SIGTERM', () => { ending = true })
main().then(() => process.exit(0), (error) => {
  console.error(error)
  process.exit(1)
})
