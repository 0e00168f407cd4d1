// SPDX-License-Identifier: Apache-2.0
//
// drive.js URL CHECK[+CHECK...] [ARGUMENT...]: opens the page in a browser, as a reader would, and makes
// checks. Every check fails when the page logs an error, loads anything from another server, or violates its
// own policy. Prints findings to standard error; the exit status is 1 if there are any.
'use strict'
const assert = require('assert')
const fs = require('fs')
const { chromium } = require('playwright-core')

const PATIENCE_MS = 180000 // long enough for a busy machine
const SIZES = { screen: { width: 1280, height: 900 }, phone: { width: 390, height: 844 }, narrow: { width: 320, height: 640 }, wide: { width: 2560, height: 1440 } }
const CHROMIUM = process.env.CHROMIUM ||
  ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => fs.existsSync(path))

let browser, url
const faults = []

async function open ({ size = 'screen', colorScheme = 'light', query = '', ...more } = {}) {
  const context = await browser.newContext({ viewport: SIZES[size], colorScheme, ...more })
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !page.expectTrouble) faults.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => faults.push(`script: ${error.stack}`))
  page.on('request', (request) => {
    const asked = request.url()
    if (!asked.startsWith(url) && !asked.startsWith('data:')) faults.push(`asks another server: ${asked}`)
  })
  await page.goto(url + query)
  await page.waitForSelector('#live[data-state=live]')
  return page
}

// Waits until FUNCTION is true in the page. Playwright's own waiting evaluates text, which the policy
// forbids.
async function until (page, wanted, argument) {
  const deadline = Date.now() + PATIENCE_MS
  while (!await page.evaluate(wanted, argument)) {
    if (Date.now() > deadline) throw new Error(`never true: ${wanted}`)
    await page.waitForTimeout(100)
  }
}

// The state and words of each part: {Targets: ["good", "1 attached, 2 cgroups"], ...}.
async function conditions (page) {
  const all = await page.$$eval('#conditions li', (list) => list.map((c) =>
    [c.dataset.part, [c.dataset.state, [...c.querySelectorAll('p:not(.part)')].map((p) => p.textContent).join('; ')]]))
  return Object.fromEntries(all)
}

const attribute = (page, selector, name) => page.getAttribute(selector, name)

// The figures of /metrics as {"name{labels}": value}, without `source`, under their OTLP names.
async function metrics () {
  const text = await (await fetch(url + 'metrics')).text()
  const out = new Map()
  for (const line of text.split('\n')) {
    const match = /^(\w+)\{source="[^"]*",?(.*)\} (\S+)$/.exec(line)
    if (match) out.set(`${match[1]}{${match[2].replaceAll(',', ' ')}}`, match[3])
  }
  return out
}

async function sentRows (page, audience) {
  await page.check(`input[name=audience][value=${audience}]`, { force: true })
  return page.$$eval('#sent tbody tr', (rows) => rows.map((row) => ({ ...row.dataset })))
}

// What was sent, and the metrics of the same snapshot: two equal answers mean that no snapshot came in between.
async function oneSnapshot () {
  const deadline = Date.now() + PATIENCE_MS
  const sent = async () => (await fetch(url + 'sent.json')).text()
  for (let before = await sent(); Date.now() < deadline;) {
    const all = await metrics()
    const after = await sent()
    if (after === before) return { sent: after, all }
    before = after
  }
  throw new Error('the figures changed between any two answers')
}

// The value of a row on /metrics, where _total is appended to the names of sums that do not end so.
function exported (all, row) {
  for (const name of [row.metric, `${row.metric}_total`, `${row.metric}_count`]) {
    const value = all.get(`${name}{${row.labels}}`)
    if (value !== undefined) return value
  }
}

const CHECKS = {
  // The page shows what /metrics has: every point, and the window since the start.
  async figures (transactions) {
    const page = await open({ query: '?window=hour' })
    await page.waitForSelector(`#kpi-transactions[data-exact="${transactions}"]`)
    // Both are of one moment: the page gets this snapshot and no later one until it has drawn it.
    const { sent, all } = await oneSnapshot()
    await page.route('**/sent.json', (route) => route.fulfill({ contentType: 'application/json', body: sent }))
    const deadline = Date.now() + PATIENCE_MS
    for (;;) {
      const own = await sentRows(page, 'own')
      const network = await sentRows(page, 'network')
      const differ = [...own, ...network].filter((row) => exported(all, row) !== row.value)
        .map((row) => `${row.metric}{${row.labels}}: ${row.value} on the page, ${exported(all, row)} exported`)
      if (!differ.length) {
        assert(own.length > 100 && network.length === 8, `${own.length} and ${network.length} rows`)
        assert(network.every((row) => !row.metric.startsWith('telltale_') || row.metric === 'telltale_coverage_complete'))
        break
      }
      if (Date.now() > deadline) throw new Error(differ.join('\n'))
      await page.waitForTimeout(100)
    }
    await page.unroute('**/sent.json')
    assert.equal(await page.textContent('#kpi-transactions'), Number(all.get('transactions_total{}')).toLocaleString('en'))
    assert.equal(await attribute(page, '#kpi-value', 'data-exact'), all.get('telltale_amount_fulfill_total{origin="originated"}'))
    const how = await conditions(page)
    assert.match(how.Targets.join(), /^good,1 attached, [\d,]+ cgroups?$/)
    assert.match(how.Packets.join(), /^good,the last one /)
    assert.match(how.Exports.join(), /^good,the last one was accepted /)
    assert.match(how.Rates.join(), /^good,/)
    assert.match(await page.textContent('#kpi-value-error'), /^± \$[\d.,]+$/)
    assert.match(await page.textContent('#noise'), /right on average.*The network's figure for the same payments is \$[\d.,]+/)
    for (const window of ['hour', 'day', 'week', 'month', 'year']) {
      assert.equal(await attribute(page, `#all tr[data-window=${window}]`, 'data-transactions'), String(transactions))
    }
    const outcome = await page.textContent('#outcomes tr[data-outcome=fulfilled] td.n')
    assert.equal(outcome, Number(all.get('telltale_exchanges_total{outcome="fulfilled"}')).toLocaleString('en'))
    const peers = await page.$$eval('#peers tbody tr', (rows) => rows.map((row) => ({ ...row.dataset, cells: row.innerText })))
    assert.equal(peers.length, 1)
    let exchanges = 0
    for (const [name, value] of all) exchanges += name.startsWith(`telltale_peer_exchanges_total{peer="${peers[0].peer}" `) ? Number(value) : 0
    assert.equal(peers[0].exchanges, String(exchanges))
    assert.match(peers[0].cells, /\d ms/)
    const columns = await page.$$eval('#columns tbody tr', (rows) => rows.map((row) => row.dataset.column))
    assert.deepEqual(columns, ['peer_and_wire', 'reply_wait']) // all that is known of what a node originates
    const endpoints = await page.$$eval('#endpoints li', (list) => list.map((e) => ({ ...e.dataset })))
    for (const e of endpoints) {
      const delivered = await page.textContent(`#endpoints li[data-url="${e.url}"] .facts`)
      assert.match(delivered, /Delivered/)
    }
    console.log(JSON.stringify(endpoints))
  },

  // The hour holds what was counted before a restart and after it.
  async hour (transactions) {
    const page = await open({ query: '?window=hour' })
    await page.waitForSelector(`#kpi-transactions[data-exact="${transactions}"]`)
    assert(await page.$eval('#points tbody', (body) => body.rows.length >= 1))
    // A node that is minutes old has an axis of minutes, not an empty hour.
    const minutes = await page.evaluate(() => { const [from, to] = charts.value.xAxisRange(); return (to - from) / 60000 })
    assert(minutes < 30, `an axis of ${minutes} minutes`)
  },

  // A node that has seen nobody pay has counted nothing yet, and the page does not claim older figures.
  async fresh () {
    const page = await open({ query: '?window=year' })
    for (const window of ['hour', 'year']) {
      assert.equal(await attribute(page, `#all tr[data-window=${window}]`, 'data-transactions'), '0')
    }
    assert.match(await page.textContent('#span'), /^Last year up to .*There are no figures before /)
    assert.match(await attribute(page, '#chart-transactions', 'data-empty'), /No transaction/)
    assert.doesNotMatch(await page.textContent('#all tr[data-window=hour]'), /all of it/)
    assert.match(await page.textContent('#exports-sub'), /nothing leaves this host/)
    const how = await conditions(page)
    assert.match(how.Packets.join(), /^warn,no ILP packet has been seen for (1[5-9]|[2-5]\d) min; is this the right target\?/)
    assert.match(how.Targets.join(), /^bad,1: gone: process 1 has ended; .*telltale discover/)
    assert.equal(how.Coverage[0], 'good')
    assert.match(await page.textContent('#clear summary'), /^2\d checks clear$/)
    assert(await page.isHidden('#unseen'))
    assert.equal(await page.textContent('#outcomes-none summary'), '7 other outcomes did not occur')
    assert.equal(await page.$eval('#outcomes tbody', (body) => body.rows.length), 2)
    // Title and icon say it in another tab.
    assert.equal(await page.title(), '✗ cloud-nine · telltale')
    assert.match(await attribute(page, '#icon', 'href'), /rx='8' fill='%23b3261e'/)
  },

  // A sentence is in one of the notices or under the heading.
  async notice (words) {
    const page = await open()
    await until(page, (w) => [...document.querySelectorAll('.notice:not([hidden]), #span, #conditions')]
      .some((n) => n.textContent.includes(w)), words)
  },

  // axe finds no barrier, in both themes, on a screen and on a phone, and in either view.
  async barriers () {
    const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
    for (const [size, colorScheme, query] of [['screen', 'light', '?window=day&audience=own'], ['screen', 'dark', '?window=year&view=network'],
      ['phone', 'dark', '?window=hour&audience=own']]) {
      const page = await open({ size, colorScheme, query })
      await page.$$eval('details', (all) => all.forEach((d) => { d.open = true }))
      // Through the inspector's interface: the page's own policy would forbid it as a script.
      await page.evaluate(axe)
      const found = await page.evaluate(() => window.axe.run({ resultTypes: ['violations'] }))
      for (const v of found.violations) {
        faults.push(`${size} ${colorScheme}: ${v.impact}: ${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join('; ')}: ${v.help}`)
      }
      assert(found.passes.length > 0, 'axe has looked at nothing')
      await page.context().close()
    }
  },

  // Everything can be reached and used with the keyboard alone, and the focus is visible.
  async keyboard () {
    const page = await open({ query: '?window=hour&audience=network' })
    const reached = new Set()
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab')
      const at = await page.evaluate(() => {
        const e = document.activeElement
        const shown = getComputedStyle(e.matches('.segments input') ? e.nextElementSibling : e)
        return { name: e.id || e.name || e.getAttribute('aria-labelledby') || e.className || e.tagName.toLowerCase(), seen: shown.outlineStyle !== 'none' || e.classList.contains('skip') || e === document.body }
      })
      reached.add(at.name)
      if (!at.seen) faults.push(`focus on ${at.name} is not seen`)
    }
    for (const name of ['theme', 'window', 'view', 'audience', 'filter', 'skip', 'summary', 'sent-points']) {
      if (![...reached].some((r) => r === name)) faults.push(`${name} cannot be reached: ${[...reached]}`)
    }
    await page.focus('input[name=window]:checked')
    await page.keyboard.press('ArrowRight')
    await page.waitForSelector('#all tr[data-window=day][data-selected]')
    await until(page, () => document.querySelector('#chart-value').getAttribute('aria-label').includes('last day'))
    // What is chosen is in the address.
    assert.equal(new URL(page.url()).searchParams.get('window'), 'day')
    await page.focus('#theme')
    for (const theme of ['light', 'dark', 'auto']) {
      await page.keyboard.press('Enter')
      assert.equal(await attribute(page, 'html', 'data-theme'), theme)
    }
    await page.fill('#filter', 'amount')
    const shown = await page.$$eval('#sent tbody tr', (rows) => rows.map((r) => r.dataset.metric))
    assert.deepEqual(shown, ['packet_amount_fulfill'])
  },

  // A phone scrolls the page up and down, never sideways; a large screen is used.
  async phone () {
    for (const size of ['phone', 'narrow', 'wide']) {
      const page = await open({ size, query: '?window=year&audience=own' })
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
      if (wide > 0) faults.push(`${size}: ${wide} pixels too wide`)
      if (size === 'wide') assert((await page.locator('#chart-value').boundingBox()).width > 500)
      await page.context().close()
    }
  },

  // Noisy figures show their error and are drawn with a band; exact ones are not.
  async noisy () {
    const page = await open({ query: '?window=day&view=own' })
    assert.equal(await page.textContent('#kpi-transactions-error'), '')
    assert.match(await page.textContent('#kpi-value-error'), /^± \$/)
    await page.check('input[name=view][value=network]', { force: true })
    await until(page, () => document.querySelector('#kpi-transactions-error').textContent.startsWith('± '))
    assert.match(await page.textContent('#noise'), /each full hour/)
    // The figure is rounded to its error: all digits below it are zero. Both are of one snapshot when they are read at once.
    const [figure, error] = await page.evaluate(() => ['', '-error'].map((which) =>
      Number(document.querySelector('#kpi-transactions' + which).textContent.replace('± ', '').replaceAll(',', ''))))
    assert.equal(figure % 10 ** Math.floor(Math.log10(error - 0.01)), 0, `${figure} ± ${error}`)
    // The band: paler pixels of the line's colour above and below the line. The chart is drawn after the figures.
    await until(page, () => {
      const canvas = document.querySelector('#chart-value canvas')
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
      let thin = 0
      for (let i = 3; i < data.length; i += 4) if (data[i] > 20 && data[i] < 90) thin++
      return thin > 500
    })
  },

  // A moment is shown in all charts at once, wherever the pointer is.
  async crosshair () {
    const page = await open({ query: '?window=day' })
    assert.equal(await page.textContent('[data-kpi=value] .bucket'), 'by 10 minutes')
    const together = () => {
      const moments = [...document.querySelectorAll('.readout')].map((r) => r.textContent.split(' · ')[0])
      const crosses = [...document.querySelectorAll('.cross')].filter((c) => c.getClientRects().length)
      return moments[0] && moments.every((m) => m === moments[0]) && crosses.length === 3
    }
    const deadline = Date.now() + PATIENCE_MS
    // A chart that is drawn anew, as each second, shows nothing until the pointer moves.
    for (let x = 100; !await page.evaluate(together); x = 300 - x) {
      if (Date.now() > deadline) throw new Error('the charts show no moment together')
      await page.hover('#chart-value canvas >> nth=-1', { position: { x, y: 20 } })
    }
    await page.mouse.move(0, 0)
    await until(page, () => ![...document.querySelectorAll('.readout')].some((r) => r.textContent))
  },

  // The links give the points of the window that is shown.
  async downloads () {
    const page = await open({ query: '?window=week&view=own' })
    const links = await page.$$eval('.downloads a', (all) => all.map((a) => a.href))
    const moments = (text) => JSON.parse(text).points.map((p) => p.at_s).join()
    let csv, json
    do { // until no new point has begun in between
      json = await (await fetch(links[1])).text()
      csv = await (await fetch(links[0])).text()
    } while (moments(json) !== moments(await (await fetch(links[1])).text()))
    const [names, ...lines] = csv.trimEnd().split('\r\n').map((line) => line.split(','))
    const points = JSON.parse(json).points
    assert(points.length > 100 && lines.length === points.length, `${points.length} points, ${lines.length} lines`)
    const first = Object.fromEntries(names.map((name, i) => [name, lines[0][i]]))
    assert.equal(Date.parse(first.from), 1000 * points[0].at_s)
    assert.equal(Number(first.transactions), points[0].transactions)
    assert.equal(Math.round(10000 * first.value), points[0].value)
    assert(Math.abs(10000 * first.value_error - 2 * points[0].value_sd) < 2, `${first.value_error}`)
  },

  // Text from a collector or the configuration is shown as text, never as markup. The test puts markup into
  // the answers.
  async hostile () {
    const page = await open()
    const status = await (await fetch(url + 'status.json')).json()
    const markup = '<img src="/x" onerror="document.title = 1"><script>document.title = 2</script>'
    status.instance = markup
    status.history.trouble = markup
    for (const c of status.conditions) Object.assign(c, { text: markup, fix: markup })
    for (const e of status.endpoints) Object.assign(e, { url: markup, last_error: markup, consecutive_failures: 1 })
    await page.route('**/status.json', (route) => route.fulfill({ json: status }))
    await until(page, (m) => document.querySelector('#instance').textContent === m, markup)
    assert.equal(await page.textContent('#endpoints .words'), 'Last error: ' + markup)
    assert.equal(await page.$$eval('img, main script', (all) => all.length), 0)
    assert.match(await page.title(), /^[✗!] <img .* · telltale$/)
  },

  // A daemon that answers but no longer measures is not live. The page's clock jumps ahead with each such
  // answer and only then, so that the machine's speed does not matter.
  async frozen () {
    const page = await open()
    const status = await (await fetch(url + 'status.json')).json()
    await page.evaluate(() => {
      const now = performance.now.bind(performance)
      window.aheadMs = 0
      performance.now = () => now() + window.aheadMs
    })
    await page.route('**/status.json', async (route) => {
      await page.evaluate(() => { window.aheadMs += 3600000 })
      await route.fulfill({ json: status })
    })
    await page.waitForSelector('#live[data-state=lost]')
    assert.match(await page.textContent('#lost'), /no new figures/)
    await page.unrouteAll({ behavior: 'wait' }) // not while one is being answered
    await page.waitForSelector('#live[data-state=live]')
    assert(await page.isHidden('#lost'))
  },

  // Days are those of UTC, and are labelled so, wherever the reader is.
  async zones () {
    const lastDay = async () => {
      const year = await (await fetch(url + 'history.json?window=year')).json()
      return new Date(1000 * year.points.at(-1).at_s)
        .toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })
    }
    for (const timezoneId of ['Pacific/Honolulu', 'Pacific/Kiritimati']) {
      const before = await lastDay()
      const page = await open({ query: '?window=year', timezoneId })
      const first = await page.textContent('#points tbody th')
      const days = [before, await lastDay()] // two of them at midnight
      assert(days.some((day) => first.startsWith(`${day} (UTC)`)), `${timezoneId}: ${first}, and not ${days}`)
      await page.context().close()
    }
  },

  // The page says when the daemon is gone, and continues by itself when it is back.
  async outage (pid) {
    assert(Number(pid) > 0, 'whom to stop') // 0 is everybody here
    const page = await open()
    page.expectTrouble = true
    process.kill(Number(pid), 'SIGSTOP')
    try {
      await page.waitForSelector('#live[data-state=lost]')
      assert.match(await page.textContent('#lost'), /does not answer/)
      assert.match(await page.title(), /^✗ /)
    } finally {
      process.kill(Number(pid), 'SIGCONT')
    }
    await page.waitForSelector('#live[data-state=live]')
    assert(await page.isHidden('#lost'))
  },

  // With a token: the browser asks for it as a password.
  async token (token) {
    const page = await open({ httpCredentials: { username: 'anybody', password: token } })
    assert.match(await page.title(), /telltale/)
  }
}

async function main ([where, check, ...args]) {
  url = where
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'], timeout: PATIENCE_MS })
  try {
    for (const name of check.split('+')) await CHECKS[name](...args)
  } catch (error) {
    faults.push(error.stack)
  }
  await browser.close()
  for (const fault of faults) console.error(fault)
  process.exit(faults.length ? 1 : 0)
}

main(process.argv.slice(2))
