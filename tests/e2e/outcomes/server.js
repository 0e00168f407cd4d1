// SPDX-License-Identifier: Apache-2.0
/*
 * server.js READY [CERT KEY] - a peer (at $PORT, else any) that ends each exchange as its Prepare's data asks:
 *
 *   fulfill, chunked, pieces            a Fulfill: whole, chunked, byte by byte
 *   interim, asked                      a Fulfill after a 100: unasked, and where the client waited for it
 *   reject CODE                         a Reject
 *   late                                a Fulfill once the Prepare has expired
 *   status N, json N                    that status, with a text or without body, or with JSON
 *   garbage, page, empty                200 with no packet: random bytes, chunked HTML, nothing
 *   close, reset, half, stream          no whole reply: FIN, RST, FIN within the reply, and within
 *                                       one that has no length
 *   silence                             no reply; the client is to give up
 */
'use strict'

const crypto = require('crypto')
const fs = require('fs')
const http = require('http')
const https = require('https')
const packet = require('ilp-packet')

const OCTET_STREAM = { 'Content-Type': 'application/octet-stream' }

function fulfillOf (prepare) {
  return packet.serializeIlpFulfill({ fulfillment: prepare.data.subarray(0, 32), data: Buffer.from('done') })
}

function whole (response, body) {
  response.writeHead(200, { ...OCTET_STREAM, 'Content-Length': body.length }).end(body)
}

function piecemeal (response, body) {
  response.writeHead(200, { ...OCTET_STREAM, 'Content-Length': body.length })
  for (const byte of body) response.write(Buffer.from([byte]))
  response.end()
}

// Not response.writeContinue(): while the previous answer on the connection is still being flushed, Node.js
// would put the 100 after the head of the answer that it belongs to, into its body.
function interim (request) {
  request.socket.write('HTTP/1.1 100 Continue\r\n\r\n')
}

// Writes straight to the connection and ends it.
function broken (response, text) {
  response.req.socket.end(text)
}

const endings = {
  fulfill: (prepare, response) => whole(response, fulfillOf(prepare)),
  chunked: (prepare, response) => { response.writeHead(200, OCTET_STREAM); response.write(fulfillOf(prepare)); response.end() },
  pieces: (prepare, response) => piecemeal(response, fulfillOf(prepare)),
  interim: (prepare, response) => {
    interim(response.req)
    whole(response, fulfillOf(prepare))
  },
  asked: (prepare, response) => whole(response, fulfillOf(prepare)), // the 100 went before the Prepare came
  reject: (prepare, response, code) => whole(response, packet.serializeIlpReject({
    code, message: 'as asked', triggeredBy: 'test.bob', data: Buffer.alloc(0)
  })),
  late: (prepare, response) => {
    const wait = () => {
      const left = prepare.expiresAt.getTime() + 50 - Date.now()
      if (left > 0) setTimeout(wait, left)
      else whole(response, fulfillOf(prepare))
    }
    wait()
  },
  status: (prepare, response, status) => {
    const bodiless = status === '204' || status === '304'
    response.writeHead(Number(status), { 'Content-Type': 'text/plain' }).end(bodiless ? undefined : 'no packet')
  },
  json: (prepare, response, status) => {
    response.writeHead(Number(status), { 'Content-Type': 'application/json' }).end('{"error":"no packet"}')
  },
  garbage: (prepare, response) => whole(response, crypto.randomBytes(90).fill(0xff, 0, 1)),
  page: (prepare, response) => { response.writeHead(200, { 'Content-Type': 'text/html' }); response.write('<html>'); response.end('no packet') },
  empty: (prepare, response) => whole(response, Buffer.alloc(0)),
  close: (prepare, response) => broken(response, ''),
  reset: (prepare, response) => response.req.socket.encrypted ? response.req.socket.destroy() : response.req.socket.resetAndDestroy(),
  half: (prepare, response) => broken(response, 'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 71\r\n\r\n\rhalf'),
  stream: (prepare, response) => broken(response, 'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n47\r\n\rhalf'),
  silence: () => {}
}

function serve (request, response) {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const prepare = packet.deserializeIlpPrepare(Buffer.concat(chunks))
    const [how, which] = prepare.data.subarray(32).toString().split(' ')
    endings[how](prepare, response, which)
  })
  request.on('error', () => {}) // the client gave up, as it was asked to
}

const [ready, cert, key] = process.argv.slice(2)
const server = cert
  ? https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, serve)
  : http.createServer(serve)
server.on('checkContinue', (request, response) => {
  interim(request)
  serve(request, response)
})
server.keepAliveTimeout = 60000
server.listen(Number(process.env.PORT || 0), '127.0.0.1', () => {
  fs.writeFileSync(`${ready}.tmp`, JSON.stringify({ port: server.address().port }))
  fs.renameSync(`${ready}.tmp`, ready)
})
