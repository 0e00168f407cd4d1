// SPDX-License-Identifier: Apache-2.0
//
// client.js CLIENT URL WORKLOAD JOURNAL GO CONCURRENCY: sends a workload as one of Node's HTTP clients
// does, once GO exists.
'use strict'

const fs = require('fs')
const http = require('http')
const https = require('https')
const axios = require('axios')
const undici = require('undici')
const { Journal, drive, untilExists } = require('../common/answer')

const [client, url, workload, journal, go, concurrency] = process.argv.slice(2)
const token = process.env.TOKEN || 'secret-of-alice'
const headers = { 'Content-Type': 'application/octet-stream', Authorization: `Bearer ${token}` }
const ca = process.env.CA && fs.readFileSync(process.env.CA)
const agent = url.startsWith('https:') ? new https.Agent({ keepAlive: true, ca }) : new http.Agent({ keepAlive: true })
const PIECE = 8192

function read (response) {
  const parts = []
  return new Promise((resolve, reject) => {
    response.on('data', (part) => parts.push(part))
    response.on('error', reject)
    response.on('end', () => resolve(Buffer.concat(parts)))
  })
}

// Writes a body as other stacks do; Node's own client would send head and body together.
function byHand (extra, write) {
  return (bytes) => new Promise((resolve, reject) => {
    const all = { ...headers, ...extra(bytes) }
    const request = (url.startsWith('https:') ? https : http).request(url, { method: 'POST', headers: all, agent })
    request.setNoDelay(true)
    request.on('error', reject)
    request.on('response', (response) => {
      read(response).then((body) => {
        if (response.statusCode !== 200) throw new Error(`HTTP ${response.statusCode}`)
        return body
      }).then(resolve, reject)
    })
    write(request, bytes)
  })
}

function pieces (request, bytes) {
  for (let at = 0; at < bytes.length; at += PIECE) request.write(bytes.subarray(at, at + PIECE))
  request.end()
}

const withLength = (bytes) => ({ 'Content-length': bytes.length })
const chunked = () => ({ 'Transfer-Encoding': 'chunked' })

const clients = {
  // undici inside Node, header names in lower case.
  async fetch (bytes) {
    const response = await fetch(url, { method: 'POST', headers, body: bytes })
    if (!response.ok) throw new Error(`HTTP ${response.status}`)
    return Buffer.from(await response.arrayBuffer())
  },
  async undici (bytes) {
    const { statusCode, body } = await undici.request(url, { method: 'POST', headers, body: bytes })
    const reply = Buffer.from(await body.arrayBuffer())
    if (statusCode !== 200) throw new Error(`HTTP ${statusCode}`)
    return reply
  },
  async axios (bytes) {
    const response = await axios.post(url, bytes,
      { headers, responseType: 'arraybuffer', proxy: false, httpAgent: agent, httpsAgent: agent })
    return Buffer.from(response.data)
  },
  'head-first': byHand(withLength, (request, bytes) => {
    request.flushHeaders()
    pieces(request, bytes)
  }),
  apart: byHand(withLength, (request, bytes) => {
    request.flushHeaders()
    setTimeout(() => pieces(request, bytes), 40)
  }),
  chunked: byHand(chunked, pieces)
}

async function main () {
  if (ca) undici.setGlobalDispatcher(new undici.Agent({ connect: { ca } }))
  await untilExists(go)
  await drive(workload, new Journal(journal), Number(concurrency), clients[client])
  process.exit(0)
}

main()
