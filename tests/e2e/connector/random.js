// SPDX-License-Identifier: Apache-2.0
// A seeded generator (mulberry32): the same seed makes the same payments, on every machine.
'use strict'

function seeded (seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    chance: (fraction) => next() < fraction,
    // An integer from LOW to HIGH, both included. Every order of magnitude between them is equally likely.
    amount: (low, high) => {
      const value = Math.exp(Math.log(low) + next() * (Math.log(high + 1) - Math.log(low)))
      return BigInt(Math.min(high, Math.max(low, Math.floor(value))))
    }
  }
}

module.exports = { seeded }
