// SPDX-License-Identifier: Apache-2.0
/*
 * client.js URL EACH SEED LEDGER [CA] - sends EACH Prepares for every ending that server.js has, in random
 * order over few persistent connections, and writes to LEDGER what it saw itself.
 *
 * With $UNTIL it repeats this until that file exists. The server may then be restarted meanwhile: a Prepare
 * whose connection could not be opened counts as `unsent`, and one whose connection ended unexpectedly as
 * `unsure`, since nobody knows whether it had left. $CONTROL is a port on loopback from which the ledger can be
 * read.
 */
'use strict'

const crypto = require('crypto')
const fs = require('fs')
const http = require('http')
const https = require('https')
const packet = require('ilp-packet')
const { seeded } = require('../connector/random')

const ENDINGS = [
  'fulfill', 'chunked', 'pieces', 'interim', 'asked', 'reject F02', 'reject F08', 'reject T04', 'reject R00', 'late',
  'status 204', 'status 302', 'status 400', 'json 401', 'status 404', 'status 500', 'json 502', 'status 503',
  'garbage', 'page', 'empty', 'close', 'reset', 'half', 'stream', 'silence'
]
const CONCURRENCY = 8

const [url, each, seed, ledgerFile, ca] = process.argv.slice(2)
const until = process.env.UNTIL
const { request, Agent } = url.startsWith('https:') ? https : http
const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY, ca: ca && fs.readFileSync(ca) })
const ledger = {
  prepares: 0, unsent: 0, unsure: 0, unexpected: [], codes: {}, http: {},
  outcomes: { fulfilled: 0, rejected: 0, expired: 0, http_error: 0, not_ilp: 0, closed: 0, lost: 0 }
}

// The answer, or the error when the connection ended before the whole answer was there.
function post (bytes, how) {
  return new Promise((resolve) => {
    const options = { method: 'POST', agent, headers: { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes.length } }
    const patience = how === 'silence' ? 200 : 0
    if (how === 'asked') options.headers.Expect = '100-continue' // sends the head by itself
    const going = request(url, options, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', (error) => resolve({ error }))
      response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(chunks) }))
    })
    going.on('error', (error) => resolve({ error }))
    // Counted from when the Prepare has left, since connecting may take time.
    if (patience) going.on('finish', () => setTimeout(() => going.destroy(), patience))
    if (how === 'asked') going.on('continue', () => going.end(bytes))
    else going.end(bytes)
  })
}

function outcomeOf (reply, prepare) {
  if (reply.error) return 'closed'
  if (reply.status !== 200) {
    const kind = `${Math.floor(reply.status / 100)}xx`
    ledger.http[kind] = (ledger.http[kind] || 0) + 1
    return 'http_error'
  }
  let answer
  try {
    answer = packet.deserializeIlpReply(reply.body)
  } catch {
    return 'not_ilp'
  }
  if (packet.isReject(answer)) {
    ledger.codes[answer.code] = (ledger.codes[answer.code] || 0) + 1
    return 'rejected'
  }
  return Date.now() > prepare.expiresAt.getTime() ? 'expired' : 'fulfilled'
}

const expected = {
  reject: 'rejected', late: 'expired', status: 'http_error', json: 'http_error', garbage: 'not_ilp', page: 'not_ilp',
  empty: 'not_ilp', close: 'closed', reset: 'closed', half: 'closed', stream: 'closed', silence: 'closed'
}

async function exchange (ending) {
  const preimage = crypto.randomBytes(32)
  const how = ending.split(' ')[0]
  const prepare = {
    amount: '1000',
    expiresAt: new Date(Date.now() + (how === 'late' ? 100 : 60000)),
    executionCondition: crypto.createHash('sha256').update(preimage).digest(),
    destination: 'test.bob.outcomes',
    data: Buffer.concat([preimage, Buffer.from(ending)])
  }
  ledger.prepares++
  const reply = await post(packet.serializeIlpPrepare(prepare), how)
  if (until && reply.error && reply.error.code === 'ECONNREFUSED') {
    ledger.prepares--
    ledger.unsent++
    await new Promise((resolve) => setTimeout(resolve, 20))
    return
  }
  const outcome = outcomeOf(reply, prepare)
  ledger.outcomes[outcome]++
  if (outcome === (expected[how] || 'fulfilled')) return
  if (until && outcome === 'closed') ledger.unsure++
  else ledger.unexpected.push(`${ending}: ${outcome} ${reply.error || ''}`)
}

async function main () {
  const random = seeded(Number(seed))
  if (process.env.CONTROL) {
    http.createServer((request, response) => response.end(JSON.stringify(ledger))).listen(process.env.CONTROL, '127.0.0.1').unref()
  }
  await exchange('fulfill') // now it is known to be a payment, so its Rejects are counted at once
  do await round(random)
  while (until && !fs.existsSync(until))
  agent.destroy()
  fs.writeFileSync(ledgerFile, JSON.stringify(ledger))
  if (ledger.unexpected.length) throw new Error(ledger.unexpected.slice(0, 10).join('\n'))
}

// EACH of every ending.
async function round (random) {
  const order = []
  for (let i = 0; i < Number(each); i++) order.push(...ENDINGS.map((ending) => ({ ending, at: random.next() })))
  order.sort((a, b) => a.at - b.at)
  const worker = async () => {
    for (let next = order.pop(); next; next = order.pop()) await exchange(next.ending)
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
