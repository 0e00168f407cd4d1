// SPDX-License-Identifier: Apache-2.0
// Raw exchanges, without STREAM: many of them, quickly, to addresses that reply as each packet asks.
'use strict'

const crypto = require('crypto')
const { setTimeout } = require('timers/promises')
const packet = require('ilp-packet')
const { seeded } = require('./random')

const EXPIRY_MS = 30000

const sha256 = (data) => crypto.createHash('sha256').update(data).digest()

/*
 * COUNT Prepares to RECEIVER (an ILP address), PER_STREAM to each destination, CONCURRENCY at a
 * time, over the links in turn (stream by stream). Of the streams PROBES are rejected throughout;
 * of the other packets REJECTS are rejected and ZEROS carry no money. After each exchange there is a
 * pause of PAUSE_MS before the next takes its place. LABEL stands in every address and PAYLOAD in every
 * packet's data. Returns the first REVEAL conditions, in hex, and what the run
 * took, on the clock and of this process's CPU time.
 */
async function hammer (node, options) {
  const {
    count, receiver, concurrency = 16, per_stream: perStream = 10, probes = 0.1, rejects = 0.1,
    zeros = 0.05, pause_ms: pauseMs = 0, min = 1, max = 1000000000, seed = 1, label = 'stream', payload = 'hammer', reveal = 0
  } = options
  const random = seeded(seed)
  const run = crypto.randomBytes(6).toString('hex')
  const conditions = []
  const result = { completed: 0, failed: 0, errors: [] }
  let sent = 0
  let probe = false

  const next = () => {
    const stream = Math.floor(sent / perStream)
    if (sent % perStream === 0) probe = random.chance(probes)
    const preimage = sha256(`${run}.${sent}`)
    const condition = sha256(preimage)
    const rejected = random.chance(rejects)
    const zero = random.chance(zeros)
    const amount = random.amount(min, max)
    if (conditions.length < reveal) conditions.push(condition.toString('hex'))
    sent++
    return {
      link: node.links[stream % node.links.length],
      bytes: packet.serializeIlpPrepare({
        amount: zero ? '0' : String(amount),
        expiresAt: new Date(Date.now() + EXPIRY_MS),
        executionCondition: condition,
        destination: `${receiver}.raw.${label}.${run}.${stream}`,
        data: Buffer.concat([preimage, Buffer.from(probe ? 'F99' : rejected ? 'T04' : '   '), Buffer.from(payload)])
      })
    }
  }
  const worker = async () => {
    while (sent < count) {
      const { link, bytes } = next()
      try {
        await node.originate(link, bytes)
        result.completed++
      } catch (error) {
        result.failed++
        if (result.errors.length < 10) result.errors.push(error.message)
      }
      if (pauseMs) await setTimeout(pauseMs)
    }
  }
  const begun = process.hrtime.bigint()
  const cpu = process.cpuUsage()
  await Promise.all(Array.from({ length: concurrency }, worker))
  const { user, system } = process.cpuUsage(cpu)
  result.elapsed_us = Number((process.hrtime.bigint() - begun) / 1000n)
  result.cpu_us = user + system
  return reveal ? { ...result, conditions } : result
}

module.exports = { hammer }
