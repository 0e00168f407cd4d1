// SPDX-License-Identifier: Apache-2.0
// One ILP node: originates payments, forwards other nodes' packets, receives its own, or all three.
'use strict'

const Ildcp = require('ilp-protocol-ildcp')
const packet = require('ilp-packet')
const { Database } = require('./database')
const { Ledger } = require('./ledger')
const { OutgoingLink, serve, rejection } = require('./link')
const { multiplyFloor } = require('./money')
const { seeded } = require('./random')
const { StreamReceiver } = require('./stream')

const FULFILL = Buffer.from('   ')

class Node {
  constructor (config) {
    this.config = { incoming: [], peers: [], rates: {}, reject: {}, ...config }
    this.address = config.address
    this.ledger = new Ledger(this.config.rates)
    this.links = this.config.peers.map((peer) => new OutgoingLink(peer, this.address))
    this.random = seeded(this.config.reject.seed || 1)
  }

  async start () {
    if (this.config.database) {
      this.database = new Database(this.config.database)
      await this.database.start()
    }
    if (this.config.receiver) {
      this.receiver = new StreamReceiver(this.address, this.config.asset)
      await this.receiver.start()
    }
    if (!this.config.listen) return
    this.server = await serve({
      listen: this.config.listen,
      incoming: this.config.incoming,
      handle: (bytes, caller) => this.incoming(bytes, caller),
      credentials: this.receiver && (() => this.receiver.credentials()),
      onUnauthorised: () => { this.ledger.unauthorised++ }
    })
  }

  get port () {
    return this.server ? this.server.address().port : null
  }

  async originate (link, bytes) {
    if (this.database) await this.database.work()
    return link.send(bytes, this.ledger.originated)
  }

  isOurs (destination) {
    return destination === this.address || destination.startsWith(this.address + '.')
  }

  async incoming (bytes, caller) {
    const prepare = packet.deserializeIlpPrepare(bytes)
    const tally = prepare.destination.startsWith('peer.') || this.isOurs(prepare.destination)
      ? this.ledger.received
      : this.ledger.relayed
    tally.prepare(prepare)
    const reply = await this.answer(bytes, prepare, caller)
    const parsed = packet.deserializeIlpReply(reply)
    if (packet.isFulfill(parsed)) tally.fulfill(prepare, caller.asset)
    else tally.reject(prepare, parsed.code)
    return reply
  }

  async answer (bytes, prepare, caller) {
    if (prepare.destination === 'peer.config') return this.assignAddress(bytes, caller)
    const refusal = this.refuse(prepare)
    if (refusal) return refusal
    if (!this.isOurs(prepare.destination)) return this.forward(prepare)
    if (prepare.destination.startsWith(this.address + '.raw.')) return this.answerRaw(prepare)
    if (this.receiver) return this.receiver.handle(bytes)
    return rejection('F02', 'no such account', this.address)
  }

  assignAddress (bytes, caller) {
    return Ildcp.serve({
      requestPacket: bytes,
      serverAddress: this.address,
      handler: async () => ({
        clientAddress: `${this.address}.${caller.name || 'peer'}`,
        assetCode: caller.asset.code,
        assetScale: caller.asset.scale
      })
    })
  }

  // A limit on a packet's amount and temporary failures at a given rate, as later connectors may have them.
  refuse (prepare) {
    const { max_amount: maximum, code, fraction } = this.config.reject
    if (BigInt(prepare.amount) === 0n) return undefined
    if (maximum && BigInt(prepare.amount) > BigInt(maximum)) {
      const error = new packet.Errors.AmountTooLargeError('too large a packet', {
        receivedAmount: prepare.amount,
        maximumAmount: String(maximum)
      })
      return packet.errorToReject(this.address, error)
    }
    if (code && this.random.chance(fraction)) return rejection(code, 'not now', this.address)
    return undefined
  }

  async forward (prepare) {
    const { forward } = this.config
    if (!forward) return rejection('F02', 'no route', this.address)
    const expiresAt = new Date(prepare.expiresAt.getTime() - (forward.expiry_ms || 1000))
    if (expiresAt <= new Date()) return rejection('R02', 'too little time left', this.address)
    return this.links[forward.peer || 0].send(packet.serializeIlpPrepare({
      ...prepare,
      amount: String(multiplyFloor(BigInt(prepare.amount), forward.rate || '1')),
      expiresAt
    }), this.ledger.forwarded)
  }

  // Packets made without STREAM say how to answer: their data are the preimage, then three bytes that are
  // blank or the code to reject with.
  answerRaw (prepare) {
    const code = prepare.data.subarray(32, 35)
    if (!code.equals(FULFILL)) {
      return rejection(code.toString('latin1'), 'as asked', this.address, prepare.data.subarray(35))
    }
    return packet.serializeIlpFulfill({
      fulfillment: prepare.data.subarray(0, 32),
      data: prepare.data.subarray(35)
    })
  }

  async stop () {
    for (const link of this.links) link.close()
    if (this.database) await this.database.stop()
    if (this.server) {
      this.server.close()
      this.server.closeIdleConnections()
    }
  }
}

module.exports = { Node }
