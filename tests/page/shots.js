// SPDX-License-Identifier: Apache-2.0
//
// shots.js URL DIR: takes pictures of the page in both themes, on a screen and on a phone, for a person to
// look at.
'use strict'
const { chromium } = require('playwright-core')
const path = require('path')

const SIZES = { screen: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } }

async function main ([url, dir, window = 'day', view = 'own', audience = 'network']) {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium-headless-shell', args: ['--no-sandbox'] })
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of ['light', 'dark']) {
      const page = await browser.newPage({ viewport, colorScheme, deviceScaleFactor: size === 'phone' ? 2 : 1 })
      page.on('console', (m) => console.log(size, colorScheme, m.type(), m.text()))
      page.on('pageerror', (e) => console.log(size, colorScheme, 'error', e.stack))
      await page.goto(`${url}?window=${window}&view=${view}&audience=${audience}`)
      await page.waitForSelector('#live[data-state=live]')
      await page.screenshot({ path: path.join(dir, `${size}-${colorScheme}.png`), fullPage: true })
      await page.close()
    }
  }
  await browser.close()
}

main(process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1) })
