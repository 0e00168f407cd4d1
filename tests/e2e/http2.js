// SPDX-License-Identifier: Apache-2.0
'use strict'
// The two ends of connections in HTTP/2, of Node.js.
//
//   node http2.js serve PORT [TLS]      answers ILP packets with a Fulfill, and anything else with JSON
//   node http2.js forward PORT URL [TLS] forwards ILP packets to URL in HTTP/1.1, with the token of the bed's alice
//   node http2.js send URL FILE [TLS]   POSTs FILE over one connection, every 50 ms, one line for each answer
//   node http2.js burst URL FILE N [TLS] POSTs FILE so often over one connection, each time with another condition, a
//                                       hundred streams at a time, of two tokens in turns; prints how many were
//                                       answered with a Fulfill. After the first hundred it waits for the file $GO, if
//                                       that is set
//   node http2.js export URL [TLS]      exports a metric by OpenTelemetry's own exporter, every 200 ms
//
// TLS is a folder with ca.pem, server.pem and server.key.
const { createHash, randomFillSync } = require('crypto')
const { existsSync, readFileSync } = require('fs')
const http2 = require('http2')

// The fulfillment of a Prepare of prepare_file is what its data begin with.
function fulfill (packet) {
  const { deserializeIlpPrepare, serializeIlpFulfill } = require('ilp-packet')
  const { data } = deserializeIlpPrepare(packet)
  return serializeIlpFulfill({ fulfillment: data.subarray(0, 32), data: Buffer.alloc(0) })
}

// reply(packet) makes, or promises, the answer to an ILP packet.
function answer (stream, reply) {
  const body = []
  stream.on('data', part => body.push(part))
  stream.on('error', () => {})
  stream.on('end', async () => {
    const ilp = body.length && body[0][0] === 12
    const answer = ilp ? await reply(Buffer.concat(body)) : '{"ok":true}'
    stream.respond({ ':status': 200, 'content-type': ilp ? 'application/octet-stream' : 'application/json' })
    stream.end(answer)
  })
}

function serve (port, tls, reply = fulfill) {
  const server = tls
    ? http2.createSecureServer({ key: readFileSync(`${tls}/server.key`), cert: readFileSync(`${tls}/server.pem`) })
    : http2.createServer()
  server.on('stream', stream => answer(stream, reply))
  server.listen(Number(port), '127.0.0.1', () => console.log('ready'))
}

function forward (port, url, tls) {
  const { post } = require('axios')
  const headers = { 'content-type': 'application/octet-stream', authorization: 'Bearer secret-of-alice' }
  serve(port, tls, async packet => (await post(url, packet, { headers, responseType: 'arraybuffer' })).data)
}

function send (url, file, tls) {
  const session = http2.connect(url, tls ? { ca: readFileSync(`${tls}/ca.pem`) } : {})
  const body = readFileSync(file)
  setInterval(() => {
    const stream = session.request({ ':method': 'POST', ':path': '/', 'content-type': 'application/octet-stream' })
    stream.on('data', part => console.log('answer', part[0]))
    stream.end(body)
  }, 50)
}

// The same Prepare with a fulfillment, and so a condition, of its own.
function another (packet) {
  const { deserializeIlpPrepare, serializeIlpPrepare } = require('ilp-packet')
  const prepare = deserializeIlpPrepare(packet)
  randomFillSync(prepare.data, 0, 32)
  prepare.executionCondition = createHash('sha256').update(prepare.data.subarray(0, 32)).digest()
  return serializeIlpPrepare(prepare)
}

function burst (url, file, n, tls) {
  const session = http2.connect(url, tls ? { ca: readFileSync(`${tls}/ca.pem`) } : {})
  const body = readFileSync(file)
  let sent = 0
  let fulfilled = 0
  let ended = 0
  const next = () => {
    if (sent === Number(n)) return
    if (sent >= 100 && process.env.GO && !existsSync(process.env.GO)) {
      setTimeout(next, 50)
      return
    }
    const stream = session.request({
      ':method': 'POST',
      ':path': '/ilp',
      'content-type': 'application/octet-stream',
      authorization: `Bearer token-${sent++ % 2}`
    })
    stream.once('data', part => { fulfilled += part[0] === 13 })
    stream.on('close', () => {
      if (++ended === Number(n)) session.close(() => console.log('fulfilled', fulfilled))
      next()
    })
    stream.end(another(body))
  }
  session.on('connect', () => { for (let i = 0; i < 100; i++) next() })
}

function exportMetrics (url, tls) {
  const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics')
  const { OTLPMetricExporter } = require('@opentelemetry/exporter-metrics-otlp-grpc')
  const { credentials } = require('@grpc/grpc-js')
  const exporter = new OTLPMetricExporter({
    url, credentials: tls ? credentials.createSsl(readFileSync(`${tls}/ca.pem`)) : credentials.createInsecure()
  })
  const provider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 200, exportTimeoutMillis: 200 })]
  })
  const counter = provider.getMeter('test').createCounter('transactions_total')
  setInterval(() => counter.add(1, { source: 'rafiki' }), 20)
}

const [what, ...rest] = process.argv.slice(2)
;({ serve, forward, send, burst, export: exportMetrics })[what](...rest)
