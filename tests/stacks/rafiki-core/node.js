// SPDX-License-Identifier: Apache-2.0
//
// node.js serve PORT JOURNAL [NEXT] | send URL WORKLOAD JOURNAL GO CONCURRENCY: nodes made of rafiki-core's
// own middleware and peers. With NEXT, a URL, a node passes every packet on to it. With FIX=1 its client
// sends the Content-Type that its server requires; as published it does not.
'use strict'

const Koa = require('koa')
const { InMemoryPeers, createIlpPacketMiddleware } = require('@interledger/rafiki-core')
const { Journal, answer, outcome, drive, untilExists } = require('../common/answer')

async function peerAt (url) {
  const peer = await new InMemoryPeers().add({ id: 'next', url, authToken: 'secret-of-alice' })
  if (process.env.FIX) peer.axiosClient._config.headers['Content-Type'] = 'application/octet-stream'
  return peer
}

async function serve (port, file, next) {
  const journal = new Journal(file)
  const peer = next && await peerAt(next)
  const app = new Koa()
  app.silent = true
  app.use(createIlpPacketMiddleware())
  app.use(async (ctx) => {
    const { prepare, reply } = answer(ctx.request.rawPrepare)
    ctx.response.rawReply = peer ? await peer.send(ctx.request.rawPrepare) : reply
    journal.note('received', prepare, outcome(ctx.response.rawReply))
  })
  app.listen(Number(port), '127.0.0.1', () => console.log('ready'))
}

async function send (url, workload, file, go, concurrency) {
  const peer = await peerAt(url)
  await untilExists(go)
  await drive(workload, new Journal(file), Number(concurrency), async (bytes) => Buffer.from(await peer.send(bytes)))
  process.exit(0)
}

const [, , what, ...rest] = process.argv
const run = { serve, send }[what]
run(...rest)
