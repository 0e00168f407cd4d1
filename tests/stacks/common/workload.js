#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// workload.js COUNT [odd]: prints Prepares for a stack under test to send, one in each line: destination,
// amount and the packet in base64. They are the same for every stack, so that only the stack differs.
//
// A packet's data says how it is to be answered: the preimage, then three bytes that are blank or a
// code (see answer.js), then padding. Ten packets are a stream; every eighth stream is a probe, all
// rejected. Between the others come Rejects of several codes, zero amounts, protocol packets and
// packets of some 30 kB. With `odd`, some ask for an answer that is no ILP packet: HTTP 500 (E50) or 200
// without a body (E20).
'use strict'

const crypto = require('crypto')
const path = require('path')
const packet = require(require.resolve('ilp-packet', { paths: [path.join(__dirname, '../../e2e')] }))

const EXPIRY_MS = 600000
const LARGE = 30000
const CODES = ['   ', '   ', 'T04', '   ', '   ', 'F08', '   ', 'F99', '   ', '   ']

const sha256 = (data) => crypto.createHash('sha256').update(data).digest()

function code (i, stream, odd) {
  if (stream % 8 === 7) return 'F02'
  if (odd && stream % 4 === 1 && i % 10 === 1) return 'E50'
  if (odd && stream % 4 === 1 && i % 10 === 3) return 'E20'
  return CODES[i % 10]
}

function prepare (i, run, odd) {
  const stream = Math.floor(i / 10)
  const peer = i % 25 === 24
  const preimage = peer ? Buffer.alloc(32) : sha256(`${run}.${i}`)
  const fields = {
    amount: i % 10 === 9 || peer ? '0' : String(1000 + 37 * i),
    expiresAt: new Date(Date.now() + EXPIRY_MS),
    executionCondition: sha256(preimage),
    destination: peer ? 'peer.hello' : `test.bob.raw.${run}.${stream}`,
    data: Buffer.concat([preimage, Buffer.from(peer ? '   ' : code(i, stream, odd)),
      Buffer.alloc(i % 7 === 5 ? LARGE : i % 50, i)])
  }
  return [fields.destination, fields.amount, packet.serializeIlpPrepare(fields).toString('base64')].join(' ')
}

const [count, odd] = process.argv.slice(2)
const run = crypto.randomBytes(6).toString('hex')
const lines = Array.from({ length: Number(count) }, (_, i) => prepare(i, run, odd))
process.stdout.write(lines.join('\n') + '\n')
