// SPDX-License-Identifier: Apache-2.0
// An amount's value in the base currency (USD at scale 4), in integers, floored once per packet.
'use strict'

const BASE = 'USD'
const BASE_SCALE = 4n

// "0.813399" -> { mantissa: 813399n, decimals: 6n }
function parseDecimal (text) {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(text)
  if (!match) throw new Error(`not a decimal number: ${JSON.stringify(text)}`)
  const fraction = match[2] || ''
  return { mantissa: BigInt(match[1] + fraction), decimals: BigInt(fraction.length) }
}

// RATES: how many of each asset one unit of the base buys, as decimal strings. Returns undefined when there
// is no rate.
function toBase (amount, asset, rates) {
  const text = asset.code === BASE ? '1' : rates[asset.code]
  if (text === undefined) return undefined
  const rate = parseDecimal(text)
  return (amount * 10n ** (BASE_SCALE + rate.decimals)) /
    (rate.mantissa * 10n ** BigInt(asset.scale))
}

function multiplyFloor (amount, factor) {
  const f = parseDecimal(factor)
  return (amount * f.mantissa) / 10n ** f.decimals
}

module.exports = { toBase, multiplyFloor }
