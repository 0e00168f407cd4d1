// SPDX-License-Identifier: Apache-2.0
//
// draw.js FOLDER SECONDS PUBLIC NETWORK OWN: draws each dashboard in Chromium, of what these Prometheus servers answer, into
// FOLDER/NAME-dark.png and NAME-light.png, and the tops of two into FOLDER/public.png and FOLDER/operator.png. The public one
// shows 30 days, the others the last SECONDS. Prints which panels are empty without saying that this is well, and the errors
// on the browser's console; exit status 1 when there is either.
'use strict'
const esbuild = require('esbuild')
const fs = require('fs')
const path = require('path')
const { chromium } = require('../../page/node_modules/playwright-core')

const BOARDS = path.resolve(__dirname, '../../../scripts/deploy/service/grafana/dashboards')
const ICONS = path.join(__dirname, 'node_modules/@grafana/ui/dist/public')
// Grafana's server has its font; the package of its components does not.
const FONT = path.join(__dirname, 'node_modules/@fontsource/inter/files')
const WEIGHTS = { Regular: 400, Medium: 500 }
const HERE = 'http://board.invalid/' // nothing is fetched from it: each request is answered here
const MARGIN = 16
const WIDTH = 1440
const TOPS = { 'public-light': 1040, 'operator-dark': 700 } // pixels: as far as a row of panels goes

const PAGE = `<!doctype html><html><head><style>body { margin: ${MARGIN}px }</style></head><body><div id=board></div></body></html>`

async function compile () {
  // By the packages' CommonJS half: the other imports parts of React's own that way, which esbuild wraps differently.
  const alias = { '@grafana/ui': require.resolve('@grafana/ui'), '@grafana/data': require.resolve('@grafana/data') }
  const { outputFiles } = await esbuild.build({
    entryPoints: [path.join(__dirname, 'board.jsx')], bundle: true, write: false, format: 'iife', jsx: 'automatic', outdir: '/out', alias,
    loader: { '.svg': 'dataurl', '.ttf': 'empty' }, define: { 'process.env.NODE_ENV': '"production"', global: 'window' }, logLevel: 'error'
  })
  return ['.js', '.css'].map((end) => outputFiles.find((file) => file.path.endsWith(end)).text)
}

// What the page asks the Prometheus at server is asked here: a browser keeps a page from other hosts.
async function answer (route, server) {
  const { pathname, search } = new URL(route.request().url())
  if (pathname.startsWith('/api/')) return route.fulfill({ json: await (await fetch(server + pathname + search)).json() })
  if (pathname === '/') return route.fulfill({ contentType: 'text/html', body: PAGE })
  const [, weight] = pathname.match(/Inter-(\w+)\.woff2$/) ?? []
  const file = weight ? path.join(FONT, `inter-latin-${WEIGHTS[weight]}-normal.woff2`)
    : path.join(ICONS, pathname.replace(/^\/public/, ''))
  return fs.existsSync(file) ? route.fulfill({ path: file }) : route.fulfill({ status: 404 })
}

async function drawOne (browser, [code, style], { name, server, seconds, mode, folder }) {
  const page = await browser.newPage({ viewport: { width: WIDTH, height: 900 }, colorScheme: mode })
  const said = []
  page.on('console', (message) => { if (message.type() === 'error') said.push(`${message.text()} ${message.location().url}`) })
  page.on('pageerror', (error) => said.push(error.stack))
  await page.route(`${HERE}**`, (route) => answer(route, server))
  await page.goto(HERE)
  await page.addStyleTag({ content: style })
  await page.addScriptTag({ content: code })
  const board = JSON.parse(fs.readFileSync(path.join(BOARDS, `${name}.json`)))
  await page.evaluate(([...all]) => window.draw(...all), [board, seconds, WIDTH - 2 * MARGIN, mode])
  await page.evaluate(() => document.fonts.ready)
  await page.waitForTimeout(500)
  await page.screenshot({ path: path.join(folder, `${name}-${mode}.png`), fullPage: true })
  const height = TOPS[`${name}-${mode}`]
  if (height) await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true, clip: { x: 0, y: 0, width: WIDTH, height } })
  const empty = await page.locator('[data-panel]:has([data-empty=""])').evaluateAll((all) => all.map((e) => e.dataset.panel))
  await page.close()
  return { empty, said }
}

async function main ([folder, seconds, open, network, own]) {
  const month = 30 * 86400
  const boards = [['public', open, month], ['network', network, Number(seconds)], ['operator', own, Number(seconds)],
    ['rafiki', own, Number(seconds)]]
  const code = await compile()
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium-headless-shell', args: ['--no-sandbox'] })
  let failed = false
  for (const [name, server, range] of boards) {
    for (const mode of ['dark', 'light']) {
      const { empty, said } = await drawOne(browser, code, { name, server, seconds: range, mode, folder })
      for (const title of empty) console.log(`${name}, ${mode}: '${title}' is empty`)
      for (const line of said) console.log(`${name}, ${mode}: ${line}`)
      failed ||= said.length + empty.length > 0
    }
  }
  await browser.close()
  process.exit(failed ? 1 : 0)
}

main(process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1) })
