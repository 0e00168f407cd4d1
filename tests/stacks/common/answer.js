// SPDX-License-Identifier: Apache-2.0
//
// What the JavaScript ends of all stacks share: the workload, the answer that each of its packets asks for,
// and the journal of what crossed the library's own interface (counts.py adds it up).
'use strict'

const fs = require('fs')
const path = require('path')
const packet = require(require.resolve('ilp-packet', { paths: [path.join(__dirname, '../../e2e')] }))

class Journal {
  constructor (file) {
    this.fd = fs.openSync(file, 'a')
  }

  // WAY: sent, received. OUTCOME: fulfilled, rejected:CODE, http_error, not_ilp.
  note (way, { destination, amount }, outcome) {
    fs.writeSync(this.fd, `${way} ${destination} ${amount} ${outcome}\n`)
  }
}

// The reply in BYTES, or what stood in its place.
function outcome (bytes) {
  try {
    const reply = packet.deserializeIlpReply(bytes)
    return packet.isReject(reply) ? `rejected:${reply.code}` : 'fulfilled'
  } catch (error) {
    return 'not_ilp'
  }
}

// The reply that the Prepare in BYTES asks for.
function answer (bytes) {
  const prepare = packet.deserializeIlpPrepare(bytes)
  const code = prepare.data.subarray(32, 35).toString('latin1')
  const data = prepare.data.subarray(35)
  const reply = code === '   '
    ? packet.serializeIlpFulfill({ fulfillment: prepare.data.subarray(0, 32), data })
    : packet.serializeIlpReject({ code, triggeredBy: 'test.bob', message: 'as asked', data })
  return { prepare, code, reply }
}

// Sends every packet of the workload in FILE through SEND(bytes), which resolves to the reply's bytes
// or throws where HTTP said no.
async function drive (file, journal, concurrency, send) {
  const lines = fs.readFileSync(file, 'latin1').trim().split('\n').map((line) => line.split(' '))
  const worker = async () => {
    while (lines.length) {
      const [destination, amount, text] = lines.shift()
      let result
      try {
        result = outcome(await send(Buffer.from(text, 'base64')))
      } catch (error) {
        console.error(error.message)
        result = 'http_error'
      }
      journal.note('sent', { destination, amount }, result)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}

async function untilExists (file) {
  while (!fs.existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 20))
}

module.exports = { Journal, answer, outcome, drive, untilExists, packet }
