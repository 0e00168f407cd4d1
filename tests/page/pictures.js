// SPDX-License-Identifier: Apache-2.0
//
// pictures.js URL TOP DIR: the page at URL, its last hour, becomes DIR/page.png; the terminal's screen in the file TOP
// becomes DIR/top.png.
'use strict'
const { chromium } = require('playwright-core')
const fs = require('fs')
const path = require('path')

const SCREEN = { width: 1280, height: 880 }

async function main ([url, top, dir]) {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium-headless-shell', args: ['--no-sandbox'] })
  const page = await browser.newPage({ viewport: SCREEN, colorScheme: 'light' })
  await page.goto(`${url}?window=hour&view=own&audience=network`)
  await page.waitForSelector('#live[data-state=live]')
  await page.screenshot({ path: path.join(dir, 'page.png') })

  const terminal = await browser.newPage()
  await terminal.setContent('<pre style="display:inline-block;margin:0;padding:16px;background:#16191d;color:#d8dee6;' +
    'font:15px/1.3 monospace"></pre>')
  const screen = terminal.locator('pre')
  await screen.evaluate((pre, text) => { pre.textContent = text }, fs.readFileSync(top, 'utf8'))
  await screen.screenshot({ path: path.join(dir, 'top.png') })
  await browser.close()
}

main(process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1) })
