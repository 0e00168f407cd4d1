// SPDX-License-Identifier: Apache-2.0
// What a connector itself counts where packets enter and leave it: the ground truth with which telltale's
// figures are compared. It knows nothing of telltale and shares no code with it.
//
// The rules are the design's: packets of amount zero and peer-protocol packets are counted apart;
// a stream (one destination address) is a payment once one of its packets has been fulfilled, and
// a probe until then.
'use strict'

const { toBase } = require('./money')

class Tally {
  constructor (rates) {
    this.rates = rates
    this.streams = new Map()
    this.zero = { prepares: 0, fulfills: 0, rejects: 0 }
    this.peer = { prepares: 0, fulfills: 0, rejects: 0 }
    this.codes = {}
    this.httpErrors = 0
    this.expired = 0
    this.badFulfillments = 0
    this.unconverted = 0
  }

  counterOf (prepare) {
    if (prepare.destination.startsWith('peer.')) return this.peer
    if (BigInt(prepare.amount) === 0n) return this.zero
    let stream = this.streams.get(prepare.destination)
    if (!stream) {
      stream = { prepares: 0, fulfills: 0, rejects: 0, value: 0n, units: new Map() }
      this.streams.set(prepare.destination, stream)
    }
    return stream
  }

  prepare (prepare) {
    this.counterOf(prepare).prepares++
  }

  fulfill (prepare, asset) {
    const counter = this.counterOf(prepare)
    counter.fulfills++
    if (!counter.units) return
    const amount = BigInt(prepare.amount)
    const key = `${asset.code}/${asset.scale}`
    const value = toBase(amount, asset, this.rates)
    counter.units.set(key, (counter.units.get(key) || 0n) + amount)
    if (value === undefined) this.unconverted++
    else counter.value += value
  }

  reject (prepare, code) {
    const counter = this.counterOf(prepare)
    counter.rejects++
    if (counter.units) this.codes[code] = (this.codes[code] || 0) + 1
  }

  summary () {
    const out = {
      transactions: 0, prepares: 0, fulfills: 0, rejects: 0, value: 0n, units: {},
      probe_streams: 0, probe_prepares: 0, probe_rejects: 0,
      zero: this.zero, peer: this.peer, reject_codes: this.codes,
      http_errors: this.httpErrors, expired: this.expired,
      bad_fulfillments: this.badFulfillments, unconverted: this.unconverted
    }
    for (const stream of this.streams.values()) {
      if (stream.fulfills === 0) {
        out.probe_streams++
        out.probe_prepares += stream.prepares
        out.probe_rejects += stream.rejects
        continue
      }
      out.transactions++
      out.prepares += stream.prepares
      out.fulfills += stream.fulfills
      out.rejects += stream.rejects
      out.value += stream.value
      for (const [key, amount] of stream.units) out.units[key] = (out.units[key] || 0n) + amount
    }
    return out
  }
}

class Ledger {
  // originated, forwarded: packets that this process sent. received, relayed: packets that came in and ended
  // here or were passed on.
  constructor (rates) {
    this.originated = new Tally(rates)
    this.forwarded = new Tally(rates)
    this.received = new Tally(rates)
    this.relayed = new Tally(rates)
    this.unauthorised = 0
  }

  // The JSON contains whole numbers of any size.
  toJSONText (name) {
    const truth = { name, unauthorised: this.unauthorised }
    for (const key of ['originated', 'forwarded', 'received', 'relayed']) {
      truth[key] = this[key].summary()
    }
    const text = JSON.stringify(truth, (_, v) => typeof v === 'bigint' ? `bigint:${v}` : v, 1)
    return text.replace(/"bigint:(\d+)"/g, '$1') + '\n'
  }
}

module.exports = { Ledger }
