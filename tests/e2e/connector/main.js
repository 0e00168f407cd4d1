// SPDX-License-Identifier: Apache-2.0
/*
 * main.js CONFIG - one ILP node as a process of its own.
 *
 * CONFIG is a JSON file:
 *   name, address, asset {code, scale}
 *   listen    {host, port, cert, key}: serves ILP over HTTP (TLS where cert is given; port 0: any);
 *             {fd}: on a socket that was handed to it; {path}: on a Unix socket
 *   incoming  [{name, token, asset}]: who may call, and in what asset their packets are
 *   peers     [{url, token, asset, ca}]: whom this node sends to
 *   receiver  true: a STREAM server at `address`
 *   forward   {peer, rate, expiry_ms}: where packets to other addresses go
 *   reject    {max_amount, code, fraction, seed}
 *   rates     {"EUR": "0.813399"}: how many of each asset one USD buys
 *   database  {host, port, user, ca, queries}: what it asks a PostgreSQL around each exchange it makes
 *   ready     path of a file written once the node can be used: {"pid", "port", "control"}; control is
 *             the port on loopback that takes GET /truth, POST /pay, POST /hammer
 *   truth     path of a file written when the node is told to end (SIGTERM)
 */
'use strict'

const fs = require('fs')
const http = require('http')
const { Node } = require('./node')
const { pay } = require('./stream')
const { hammer } = require('./hammer')

async function readJson (request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks))
}

function control (node, config) {
  const actions = {
    'GET /truth': async () => node.ledger.toJSONText(config.name),
    'POST /pay': async (request) => JSON.stringify(await pay(node, await readJson(request))) + '\n',
    'POST /hammer': async (request) => JSON.stringify(await hammer(node, await readJson(request))) + '\n'
  }
  const server = http.createServer(async (request, response) => {
    const action = actions[`${request.method} ${request.url}`]
    try {
      if (!action) response.writeHead(404).end()
      else response.end(await action(request))
    } catch (error) {
      response.writeHead(500).end(error.stack + '\n')
    }
  })
  server.requestTimeout = 0
  // Not a Unix socket: nobody could tell from outside that no packet comes in on it.
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)))
}

function writeWhole (path, text) {
  fs.writeFileSync(`${path}.tmp`, text)
  fs.renameSync(`${path}.tmp`, path)
}

async function main () {
  const config = JSON.parse(fs.readFileSync(process.argv[2]))
  const node = new Node(config)

  await node.start()
  const controlPort = await control(node, config)
  process.once('SIGTERM', async () => {
    await node.stop()
    if (config.truth) writeWhole(config.truth, node.ledger.toJSONText(config.name))
    process.exit(0)
  })
  writeWhole(config.ready, JSON.stringify({ pid: process.pid, port: node.port, control: controlPort }) + '\n')
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
