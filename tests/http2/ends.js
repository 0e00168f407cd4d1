// SPDX-License-Identifier: Apache-2.0
//
// The two ends of a wire in HTTP/2, of whatever Node.js runs this; each writes a journal of what crossed it.
//
//   node ends.js send CLIENT URL WORKLOAD JOURNAL CONCURRENCY   CLIENT: http2, fetch (HTTP/1.1 before Node.js 26)
//   node ends.js serve PORT JOURNAL [TLS]                       answers each Prepare as it asks
//   node ends.js serve-http1 PORT JOURNAL                       the same over HTTP/1.1
//   node ends.js json PORT TLS                                  answers anything with JSON
//   node ends.js callbacks PORT URL WORKLOAD JOURNAL [TLS]      sends all at once; the answers come as requests to PORT
//   node ends.js later PORT JOURNAL COUNT [TLS]                 answers 202, and calls back when COUNT have come
//
// TLS is a folder with server.pem and server.key. The environment has the certificate to trust (CA), the bearer token
// (TOKEN), whether the token is never to be indexed (SENSITIVE), and the address of a server (LISTEN).
'use strict'

const fs = require('fs')
const http = require('http')
const http2 = require('http2')
const { Journal, answer, outcome, drive } = require('../stacks/common/answer')

const ILP = 'application/octet-stream'
const TOKEN = process.env.TOKEN || 'secret-of-alice'

function read (stream) {
  const parts = []
  return new Promise((resolve, reject) => {
    stream.on('data', part => parts.push(part))
    stream.on('error', reject)
    stream.on('end', () => resolve(Buffer.concat(parts)))
  })
}

function connect (url) {
  const session = http2.connect(url, process.env.CA ? { ca: fs.readFileSync(process.env.CA) } : {})
  session.on('error', error => console.error(error.message))
  return session
}

// Resolves to the body of the answer; STATUS is the one that is expected.
async function post (session, bytes, extra = {}, status = 200) {
  const headers = { ':method': 'POST', ':path': '/ilp', 'content-type': ILP, authorization: `Bearer ${TOKEN}`, ...extra }
  if (process.env.SENSITIVE) headers[http2.sensitiveHeaders] = ['authorization']
  const stream = session.request(headers)
  let got = 0
  stream.on('response', head => { got = head[':status'] })
  stream.end(bytes)
  const body = await read(stream)
  if (got !== status) throw new Error(`HTTP ${got}`)
  return body
}

async function send (client, url, workload, journal, concurrency) {
  const session = client === 'http2' && connect(url)
  const clients = {
    http2: bytes => post(session, bytes),
    async fetch (bytes) {
      const headers = { 'Content-Type': ILP, Authorization: `Bearer ${TOKEN}` }
      const response = await fetch(`${url}/ilp`, { method: 'POST', headers, body: bytes })
      if (!response.ok) throw new Error(`HTTP ${response.status}`)
      return Buffer.from(await response.arrayBuffer())
    }
  }
  await drive(workload, new Journal(journal), Number(concurrency), clients[client])
  process.exit(0)
}

function listen (port, tls, handle) {
  const options = { settings: { maxConcurrentStreams: 2000 } }
  if (tls) {
    options.key = fs.readFileSync(`${tls}/server.key`)
    options.cert = fs.readFileSync(`${tls}/server.pem`)
  }
  const server = tls ? http2.createSecureServer(options) : http2.createServer(options)
  server.on('stream', (stream, headers) => {
    stream.on('error', error => console.error(error.message))
    read(stream).then(bytes => handle(stream, headers, bytes)).catch(error => console.error(error))
  })
  server.listen(Number(port), process.env.LISTEN || '127.0.0.1', () => console.log('ready'))
}

function serve (port, file, tls) {
  const journal = new Journal(file)
  listen(port, tls, (stream, headers, bytes) => {
    const { prepare, reply } = answer(bytes)
    journal.note('received', prepare, outcome(reply))
    stream.respond({ ':status': 200, 'content-type': ILP })
    stream.end(reply)
  })
}

function serveHttp1 (port, file) {
  const journal = new Journal(file)
  const server = http.createServer(async (request, response) => {
    const { prepare, reply } = answer(await read(request))
    journal.note('received', prepare, outcome(reply))
    response.writeHead(200, { 'content-type': ILP }).end(reply)
  })
  server.listen(Number(port), '127.0.0.1')
}

function json (port, tls) {
  listen(port, tls, stream => {
    stream.respond({ ':status': 200, 'content-type': 'application/json' })
    stream.end('{"ok":true}')
  })
}

// RFC 35, asynchronous: every Prepare is under way before the first answer comes.
function callbacks (port, url, workload, file, tls) {
  const journal = new Journal(file)
  const lines = fs.readFileSync(workload, 'latin1').trim().split('\n').map(line => line.split(' '))
  const open = new Map()
  listen(port, tls, (stream, headers, bytes) => {
    const id = headers['request-id']
    journal.note('sent', open.get(id), outcome(bytes))
    open.delete(id)
    stream.respond({ ':status': 200 }, { endStream: true })
    if (!open.size) setTimeout(() => process.exit(0), 200)
  })
  const session = connect(url)
  const home = { 'callback-url': `http${tls ? 's' : ''}://localhost:${port}/ilp` }
  lines.forEach(([destination, amount, text], i) => {
    const id = `${process.pid}-${i}`
    open.set(id, { destination, amount })
    post(session, Buffer.from(text, 'base64'), { 'request-id': id, ...home }, 202).catch(error => console.error(error))
  })
}

function later (port, file, count, tls) {
  const journal = new Journal(file)
  const waiting = []
  listen(port, tls, (stream, headers, bytes) => {
    const { prepare, reply } = answer(bytes)
    journal.note('received', prepare, outcome(reply))
    stream.respond({ ':status': 202 }, { endStream: true })
    waiting.push([headers['request-id'], reply])
    if (waiting.length < Number(count)) return
    const session = connect(headers['callback-url'])
    for (const [id, bytes] of waiting) post(session, bytes, { 'request-id': id }).catch(error => console.error(error))
  })
}

const [what, ...rest] = process.argv.slice(2)
;({ send, serve, 'serve-http1': serveHttp1, json, callbacks, later })[what](...rest)
