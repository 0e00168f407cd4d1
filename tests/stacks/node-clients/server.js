// SPDX-License-Identifier: Apache-2.0
//
// server.js MODE PORT JOURNAL: a Koa server that answers each Prepare as it asks. MODE says how the reply
// leaves: length (head and body in one write), chunked, or apart (the head, then the body 40 ms later).
'use strict'

const { Readable } = require('stream')
const Koa = require('koa')
const { Journal, answer, outcome } = require('../common/answer')

const [mode, port, file] = process.argv.slice(2)
const journal = new Journal(file)
const app = new Koa()
const ODD = { E50: 'http_error', E20: 'not_ilp' }

async function read (request) {
  const parts = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts)
}

app.use(async (ctx) => {
  const { prepare, code, reply } = answer(await read(ctx.req))
  if (ODD[code]) {
    journal.note('received', prepare, ODD[code])
    if (code === 'E50') ctx.throw(500)
    ctx.body = Readable.from([])
    return
  }
  journal.note('received', prepare, outcome(reply))
  ctx.set('Content-Type', 'application/octet-stream')
  if (mode === 'length') {
    ctx.body = reply
  } else if (mode === 'chunked') {
    ctx.body = Readable.from([reply.subarray(0, 5), reply.subarray(5)])
  } else {
    ctx.respond = false
    ctx.res.statusCode = 200
    ctx.res.setHeader('Content-length', reply.length)
    ctx.res.flushHeaders()
    setTimeout(() => ctx.res.end(reply), 40)
  }
})
app.silent = true
app.listen(Number(port), '127.0.0.1', () => console.log('ready'))
