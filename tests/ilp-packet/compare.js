// SPDX-License-Identifier: Apache-2.0
'use strict'
// Compares telltale's ILP decoder with npm's ilp-packet, which most connectors use: both must give the same
// verdict and the same fields for every body, except for the differences listed here. TAP.
//
//   compare.js DECODE [COUNT [SEED]]     DECODE: the program made from decode.c
//
// Any other difference is a failure, and so is a listed one that no longer occurs.
//
//   class              telltale  ilp-packet  why it may stay
//   address            takes     refuses     telltale hashes addresses and does not read them. A
//                                            connector that refuses one answers with an error or a
//                                            Reject, so no money moves by it.
//   epoch              takes     refuses     ilp-packet takes the very millisecond 1970-01-01T00:00
//                                            for "no date". It expired long ago in either reading.
//   far data           takes     refuses     A Reject whose message ends past the window of 1,152
//                                            bytes: the length of its data cannot be checked against
//                                            the packet (and is given as 0). A Reject moves nothing.
//   wide length        takes     refuses     A length with zeros in front, or of 7 or 8 bytes:
//                                            interledger-rs takes both. Which decoder the
//                                            connector has is not known, and a packet that its
//                                            own refuses ends with an error or a Reject.
//   JavaScript number  refuses   takes       Expiries such as "2e01": digits by JavaScript's rules
//                                            for numbers, or with the top bit set, which Node's
//                                            ascii drops. No encoder writes them, no other
//                                            decoder takes them.
//   top bits           raw bytes without     A destination or a code with bytes above 127: telltale
//                                            gives them as they stand. Both take the packet.
const { spawnSync } = require('node:child_process')
const { createRequire } = require('node:module')
const path = require('node:path')
const { Generator } = require('./generate.js')

const e2e = createRequire(path.join(__dirname, '../e2e/package.json'))
const ilp = e2e('ilp-packet')
const { version } = e2e('ilp-packet/package.json')

const WINDOW = 1152 - 16 // where bpf/decode/ilp.h stops looking for lengths
const BATCH = 5000

const [decode, countText = '120000', seedText = '1'] = process.argv.slice(2)
const count = Number(countText)
const seed = Number(seedText)
if (!decode || !Number.isSafeInteger(count) || !Number.isSafeInteger(seed)) {
  console.error('compare.js: usage: compare.js DECODE [COUNT [SEED]]')
  process.exit(2)
}

function reference(body) {
  try {
    return ilp.deserializeIlpPacket(body)
  } catch (error) {
    return { error }
  }
}

function line(body, ref) {
  const hex = (bytes) => (bytes && bytes.length ? bytes.toString('hex') : '-')
  const prepare = ref.type === 12 ? ref.data : {}
  const destination = prepare.destination && Buffer.from(prepare.destination, 'latin1')
  return `${hex(body)} ${hex(destination)} ${hex(prepare.executionCondition)}\n`
}

// The Date that ilp-packet makes of seventeen digits.
function date(digits) {
  const part = (from, to) => Number(digits.slice(from, to))
  return Date.UTC(part(0, 4), part(4, 6) - 1, part(6, 8), part(8, 10), part(10, 12), part(12, 14), part(14, 17))
}

// Where the fields lie in a packet that ilp-packet accepts, or nearly accepts.
function fields(body) {
  const prefix = (at) => {
    const n = body[at] & 0x80 ? body[at] & 0x7f : 0
    const bytes = n ? body.subarray(at + 1, at + 1 + n) : body.subarray(at, at + 1)
    return { next: at + 1 + n, length: Number(`0x${bytes.toString('hex')}`) }
  }
  const contents = prefix(1).next
  if (body[0] === 12) {
    const destination = prefix(contents + 57)
    return {
      expiry: body.subarray(contents + 8, contents + 25),
      destination: body.subarray(destination.next, destination.next + destination.length)
    }
  }
  const triggeredBy = prefix(contents + 3)
  const message = prefix(triggeredBy.next + triggeredBy.length)
  return { code: body.subarray(contents, contents + 3), data: message.next + message.length }
}

const topBits = (bytes) => bytes.some((byte) => byte > 127)
const digits = (bytes) => bytes.every((byte) => byte >= 0x30 && byte <= 0x39)

// The listed class of a difference in verdict, or undefined.
function verdictClass(body, ref, ours) {
  if (!ref.error) {
    return ref.type === 12 && !digits(fields(body).expiry) ? 'JavaScript number' : undefined
  }
  if (ours === 'bad') return undefined
  if (/not canonical|does not fit a JS number/.test(ref.error.message)) return 'wide length'
  if (/invalid destination address|Invalid triggeredBy/.test(ref.error.message)) return 'address'
  if (ref.error.message === 'invalid date') {
    const expiry = fields(body).expiry
    return digits(expiry) && date(expiry.toString()) === 0 ? 'epoch' : undefined
  }
  if (body[0] === 14 && fields(body).data > WINDOW) return 'far data'
  return undefined
}

// The difference between two results when both decoders accept: '' for none, a listed class, or undefined.
function fieldClass(body, ref, ours) {
  const [type, ...rest] = ours.split(' ')
  if (Number(type) !== ref.type) return undefined
  const length = ref.data.data.length
  if (ref.type === 13) return Number(rest[0]) === length ? '' : undefined
  if (ref.type === 14) {
    const { code, data } = fields(body)
    if (rest[0] !== code.toString('hex')) return undefined
    if (Number(rest[1]) !== (data > WINDOW ? 0 : length)) return undefined
    return ref.data.code === code.toString('latin1') ? '' : topBits(code) ? 'top bits' : undefined
  }
  const [amount, expiry, dataLength, destination, condition] = rest
  if (amount !== ref.data.amount || date(expiry) !== ref.data.expiresAt.valueOf()) return undefined
  if (Number(dataLength) !== length || condition !== 'same') return undefined
  if (destination === 'same') return ''
  return topBits(fields(body).destination) ? 'top bits' : undefined
}

function classify(body, ref, ours) {
  if (!ref.error !== (ours !== 'bad')) return verdictClass(body, ref, ours)
  return ref.error ? '' : fieldClass(body, ref, ours)
}

function run() {
  const generator = new Generator(seed)
  const seen = { address: 0, epoch: 0, 'far data': 0, 'wide length': 0, 'JavaScript number': 0, 'top bits': 0 }
  const total = { 12: 0, 13: 0, 14: 0, refused: 0 }
  const unexplained = []

  for (let done = 0; done < count; done += BATCH) {
    const bodies = Array.from({ length: Math.min(BATCH, count - done) }, () => generator.body())
    const refs = bodies.map(reference)
    const child = spawnSync(decode, { input: bodies.map((b, i) => line(b, refs[i])).join(''), maxBuffer: 1 << 28 })
    const answers = child.stdout.toString().split('\n').slice(0, -1)
    if (child.status !== 0 || answers.length !== bodies.length) {
      console.log(`Bail out! ${decode} failed (seed ${seed}): ${child.stderr}`)
      process.exit(1)
    }
    bodies.forEach((body, i) => {
      const found = classify(body, refs[i], answers[i])
      total[refs[i].error ? 'refused' : refs[i].type]++
      if (found === undefined) unexplained.push({ body, ref: refs[i], ours: answers[i] })
      else if (found) seen[found]++
    })
  }
  return { seen, total, unexplained }
}

const { seen, total, unexplained } = run()
const names = Object.keys(seen)
let failed = unexplained.length > 0
console.log(`1..${names.length + 1}`)
console.log(`# ilp-packet ${version}, ${count} bodies from seed ${seed}: it reads ${total[12]} Prepares, ` +
  `${total[13]} Fulfills, ${total[14]} Rejects, and refuses ${total.refused}`)
for (const { body, ref, ours } of unexplained.slice(0, 10)) {
  console.log(`# ${body.toString('hex').slice(0, 600)}`)
  console.log(`#   ilp-packet: ${ref.error ? ref.error.message : JSON.stringify(ref.data).slice(0, 300)}`)
  console.log(`#   telltale: ${ours}`)
}
console.log(`${failed ? 'not ok' : 'ok'} 1 - ${unexplained.length} differences that are not listed`)
names.forEach((name, i) => {
  // A run that is too short to meet each difference says nothing about the list.
  const stale = !seen[name] && count >= 100000
  failed ||= stale
  console.log(`${stale ? 'not ok' : 'ok'} ${i + 2} - ${name}: ${seen[name]} differences, as listed`)
})
process.exit(failed ? 1 : 0)
