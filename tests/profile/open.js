// SPDX-License-Identifier: Apache-2.0
//
// open.js FILE FUNCTION: opens the page of `telltale profile --output FILE.html` in a browser, as a reader would, with
// no network. FUNCTION has to be in the flame graph, and to fill it when it is chosen.
'use strict'
const assert = require('assert')
const fs = require('fs')
const { chromium } = require('../page/node_modules/playwright-core')

const PATIENCE_MS = 180000 // long enough for a busy machine
const [file, name] = process.argv.slice(2)
const CHROMIUM = process.env.CHROMIUM ||
  ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => fs.existsSync(path))

async function main () {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'], timeout: PATIENCE_MS })
  const page = await (await browser.newContext({ offline: true })).newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  const faults = []
  page.on('console', (message) => faults.push(message.text()))
  page.on('pageerror', (error) => faults.push(error.stack))
  page.on('request', (request) => { if (!request.url().startsWith('file:')) faults.push(`asks ${request.url()}`) })
  await page.goto(`file://${file}`)
  try {
    const bars = await page.$$eval('.waterfall:first-of-type .bar', (list) => list.map((bar) => ({
      from: parseFloat(bar.style.marginLeft), width: parseFloat(bar.style.width) })))
    assert(bars.length >= 5, 'the waterfall has its columns')
    let end = 0
    for (const { from, width } of bars) {
      assert(Math.abs(from - end) < 0.01, 'each column begins where the one before ends')
      end = from + width
    }
    assert(Math.abs(end - 100) < 0.01, 'the columns are the whole')

    const frames = page.locator('#flame button')
    assert(await frames.count() > 20, 'the flame graph has frames')
    const one = frames.filter({ hasText: name }).first()
    const before = (await one.boundingBox()).width
    await one.click()
    const whole = (await page.locator('#flame').boundingBox()).width
    const after = (await frames.filter({ hasText: name }).first().boundingBox()).width
    assert(before < whole / 2 && after > whole - 4, `${name} fills the graph when it is chosen (${before}, ${after} of ${whole})`)
    await frames.first().click()
    await page.fill('input[type=search]', name)
    assert(await page.locator('#flame .found').count() > 0, `${name} is found`)
    assert(await page.locator('#lines tr').count() > 0, 'lines are listed')
    assert.deepStrictEqual(faults, [])
  } finally {
    await browser.close()
  }
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
