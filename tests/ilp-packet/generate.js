// SPDX-License-Identifier: Apache-2.0
'use strict'
// Makes ILP packets for compare.js: valid ones in all forms, and mutants of them. Everything depends on one
// seed.

// Mulberry32 (Tommy Ettinger, public domain): numbers from 0 up to, not including, 1.
function mulberry32(seed) {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), a | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const SCHEMES = ['g', 'private', 'example', 'peer', 'self', 'test', 'test1', 'test3', 'local']
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_~-'
const CODES = ['F00', 'F02', 'F08', 'F99', 'T00', 'T04', 'R00', 'R01', 'xyz']
// Expiries that are not seventeen digits, some of which JavaScript takes for numbers, and special days.
const EXPIRIES = [
  '2026 131235959123', '2026-131235959123', '20260131235959+12', '2026013123595900x',
  '2e010131235959123', '20260x1f235959123', '                 ', '20261399256199999',
  '19700101000000000', '00700101000000000', '00000000000000000', '99999999999999999',
  '2026013123595.123', '20260131Infinity0'
]

class Generator {
  constructor(seed) {
    this.random = mulberry32(seed)
  }

  below(n) {
    return Math.floor(this.random() * n)
  }

  pick(list) {
    return list[this.below(list.length)]
  }

  chance(p) {
    return this.random() < p
  }

  bytes(n) {
    const out = Buffer.alloc(n)
    for (let i = 0; i < n; i++) out[i] = this.below(256)
    return out
  }

  // Mostly small numbers, sometimes numbers near a limit, seldom large ones.
  size() {
    const kind = this.random()
    if (kind < 0.7) return this.below(100)
    if (kind < 0.85) return this.pick([0, 1, 126, 127, 128, 129, 254, 255, 256, 257])
    if (kind < 0.99) return this.below(1400)
    return this.pick([32767, 32768, 32769, 40000])
  }

  address() {
    let length = this.chance(0.9) ? 2 + this.below(100) : 900 + this.below(130)
    if (this.chance(0.02)) length = this.pick([1, 1022, 1023, 1024])
    let text = this.pick(SCHEMES) + '.'
    while (text.length < length) {
      const last = text.length === length - 1 || text.endsWith('.')
      text += !last && this.chance(0.1) ? '.' : this.pick(LETTERS)
    }
    return Buffer.from(text, 'ascii')
  }

  expiry() {
    if (this.chance(0.03)) return Buffer.from(this.pick(EXPIRIES), 'ascii')
    const at = new Date(Date.UTC(1970 + this.below(200), 0, 1) + this.below(2 ** 31) * 15)
    return Buffer.from(at.toISOString().replace(/[-T:.Z]/g, ''), 'ascii')
  }

  // An OER length in the shortest form, or sometimes in a wider one. Remembers its place, for mutants.
  prefix(n, at) {
    let width = n < 0x80 ? 0 : n < 0x100 ? 1 : n < 0x10000 ? 2 : 3
    if (this.chance(0.02)) width = Math.max(width, 1 + this.below(8))
    const out = Buffer.alloc(1 + width)
    out[0] = width ? 0x80 | width : n
    for (let i = width, rest = n; i > 0; i--, rest = Math.floor(rest / 256)) out[i] = rest % 256
    this.lengths.push(at)
    return out
  }

  contents(type) {
    const fields = { 12: [this.address()], 13: [], 14: [this.address(), this.bytes(this.size())] }[type]
    let out
    if (type === 12) {
      const amount = this.chance(0.1) ? Buffer.alloc(8, this.pick([0, 255])) : this.bytes(8)
      out = Buffer.concat([amount, this.expiry(), this.bytes(32)])
    } else if (type === 13) {
      out = this.bytes(32)
    } else {
      out = Buffer.from(this.pick(CODES), 'ascii')
      if (this.chance(0.2)) fields[0] = Buffer.alloc(0)
    }
    for (const field of [...fields, this.bytes(this.size())]) {
      out = Buffer.concat([out, this.prefix(field.length, out.length), field])
    }
    return out
  }

  packet() {
    this.lengths = []
    const type = this.pick([12, 12, 13, 14])
    let contents = this.contents(type)
    if (this.chance(0.02)) contents = Buffer.concat([contents, this.bytes(1 + this.below(20))])
    const head = this.prefix(contents.length, 0)
    this.lengths.pop()
    this.lengths = this.lengths.map((at) => at + 1 + head.length)
    this.lengths.push(1)
    return Buffer.concat([Buffer.from([type]), head, contents])
  }

  // Makes one change. Most changes are in the first bytes, where the fields are.
  mutate(body) {
    const near = this.chance(0.8) ? Math.min(body.length, 130) : body.length
    const at = this.below(near)
    const copy = Buffer.from(body)
    switch (this.below(8)) {
      case 0:
        if (copy.length) copy[at] ^= 1 << this.below(8)
        return copy
      case 1:
        return copy.subarray(0, this.chance(0.5) ? at : Math.max(0, copy.length - 1 - this.below(4)))
      case 2:
        return Buffer.concat([copy.subarray(0, at), this.bytes(1 + this.below(4)), copy.subarray(at)])
      case 3:
        return Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + this.below(4))])
      case 4:
      case 5: {
        const length = this.pick(this.lengths)
        if (length < copy.length) {
          copy[length] = this.chance(0.5)
            ? copy[length] + this.pick([-1, 1, -2, 2])
            : this.pick([0, 1, 2, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 255])
        }
        return copy
      }
      case 6:
        if (copy.length) copy[at] = this.below(256)
        return copy
      default:
        return Buffer.concat([copy, this.bytes(1 + this.below(8))])
    }
  }

  body() {
    if (this.chance(0.005)) return this.bytes(this.below(90))
    let body = this.packet()
    if (this.chance(0.25)) return body
    for (let n = 1 + this.below(3); n > 0; n--) body = this.mutate(body)
    return body
  }
}

module.exports = { Generator }
