// SPDX-License-Identifier: Apache-2.0
/*
 * drive.js CONFIG - both neighbours of hop.js: its peer, and whoever sends packets through it.
 *
 * CONFIG: {ready, peer_port, hop, hop_pid, journal, go}. It is the peer from the beginning. When the file `go`
 * is there, [mode, ...], it sends a packet for each, one after the other, writes `go`.done and waits for the
 * next. Modes of its own, besides those of hop.js:
 *   peer     the peer answers after 30 ms
 *   stop     hop.js is stopped for 50 ms when the peer answers
 *   busy     hop.js is working on something else when the packet comes
 *   refused  the peer rejects the packet
 *   several  two packets at once
 *   parts    the packet's body follows its head after 60 ms, when TCP has acknowledged that
 */
'use strict'

const crypto = require('crypto')
const fs = require('fs')
const http = require('http')
const packet = require('../e2e/node_modules/ilp-packet')

const config = JSON.parse(fs.readFileSync(process.argv[2]))
const now = () => Number(process.hrtime.bigint())
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const agent = new http.Agent({ keepAlive: true })
const hop = () => JSON.parse(fs.readFileSync(config.hop))

function write (line) {
  fs.appendFileSync(config.journal, JSON.stringify(line) + '\n')
}

async function stopped (pid) {
  while (!/\) [tT] /.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'))) await wait(1)
}

function answer (prepare, mode) {
  if (mode === 'refused') return packet.serializeIlpReject({ code: 'T04', message: '', triggeredBy: 'test.peer', data: Buffer.alloc(0) })
  return packet.serializeIlpFulfill({ fulfillment: prepare.data.subarray(0, 32), data: Buffer.alloc(0) })
}

async function serve (request, response) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const prepare = packet.deserializeIlpPrepare(Buffer.concat(chunks))
  const mode = prepare.destination.split('.').pop()
  const line = { mode, peer: [now()] }
  if (mode === 'peer') await wait(30)
  response.setHeader('Content-Type', 'application/octet-stream')
  if (mode === 'stop') {
    const pid = Number(fs.readFileSync(config.hop_pid))
    process.kill(pid, 'SIGSTOP')
    await stopped(pid)
    line.stop = [now()]
    response.end(answer(prepare, mode))
    await wait(50)
    line.stop.push(now())
    process.kill(pid, 'SIGCONT')
  } else {
    line.peer.push(now())
    response.end(answer(prepare, mode))
  }
  write(line)
}

async function send (mode) {
  const preimage = crypto.randomBytes(32)
  const body = packet.serializeIlpPrepare({
    amount: '1000',
    expiresAt: new Date(Date.now() + 30000),
    executionCondition: crypto.createHash('sha256').update(preimage).digest(),
    destination: `test.peer.${mode}`,
    data: preimage
  })
  const headers = { 'Content-Type': 'application/octet-stream', 'Content-Length': body.length, Authorization: 'Bearer token-of-sender' }
  const request = http.request({ agent, host: '127.0.0.1', port: hop().port, method: 'POST', path: '/', headers })
  const done = new Promise((resolve, reject) => {
    request.on('response', (response) => response.resume().on('end', resolve))
    request.on('error', reject)
  })
  if (mode === 'parts') {
    request.flushHeaders()
    await wait(60)
  }
  request.end(body)
  return done
}

// Resolves when the connector has begun to work on something else.
function keepBusy () {
  return new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port: hop().side, path: '/spin' }, (response) => response.once('data', resolve)).on('error', reject)
  })
}

async function round (modes) {
  for (const mode of modes) {
    await wait(10)
    if (mode === 'busy') await keepBusy()
    await Promise.all(mode === 'several' ? [send(mode), send(mode)] : [send(mode)])
  }
}

async function main () {
  const server = http.createServer((request, response) => serve(request, response))
  server.keepAliveTimeout = 600000
  await new Promise((resolve) => server.listen(config.peer_port, '127.0.0.1', resolve))
  fs.writeFileSync(config.ready, '')
  for (;;) {
    if (fs.existsSync(config.go)) {
      const modes = JSON.parse(fs.readFileSync(config.go))
      fs.unlinkSync(config.go)
      await round(modes)
      fs.writeFileSync(`${config.go}.done`, '')
    }
    await wait(20)
  }
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
