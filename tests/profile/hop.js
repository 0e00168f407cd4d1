// SPDX-License-Identifier: Apache-2.0
/*
 * hop.js CONFIG - a connector that takes as long as it is asked to, and keeps a journal of it.
 *
 * It speaks ILP over HTTP with tests/e2e's Koa and axios. What it does for a packet is the last part of the
 * destination:
 *   calm      one short query and one short command; all others but the last two and `several`, `refused` and `parts`
 *             (drive.js) do these too, so that nothing but their delay differs
 *   spin      20 ms of work before it sends the packet on; spinback: after the reply
 *   postgres  a query of 30 ms; redis: a command that sleeps for 30 ms
 *   lock      a lock that another thread holds for 30 ms
 *   work      two queries of 8 ms, and 4 ms of work
 *   burn      200 ms of work in two functions, three parts in one and seven in the other, each time right after
 *             the collector of garbage has moved what is young
 * CONFIG: {peer, postgres, redis, ready, journal}; postgres and redis are ports, or 0: there is none. GET /spin on
 * its other port works for 60 ms in a handler that has nothing to do with a packet; the first byte comes before that.
 *
 * The journal has a line of JSON for each packet; times are CLOCK_MONOTONIC in nanoseconds.
 */
'use strict'

const fs = require('fs')
const http = require('http')
const net = require('net')
const v8 = require('v8')
const vm = require('vm')
const { Worker } = require('worker_threads')
const packet = require('../e2e/node_modules/ilp-packet')
const { Client } = require('../e2e/node_modules/pg')
const { OutgoingLink, serve } = require('../e2e/connector/link')

const config = JSON.parse(fs.readFileSync(process.argv[2]))
const now = () => Number(process.hrtime.bigint())
const tally = { prepare () {}, fulfill () {}, reject () {} }

// This thread's CPU time in ns, and not that of the compilers beside it. The kernel brings it up to date when the
// thread stops running, so it does for a moment.
const nobody = new Int32Array(new SharedArrayBuffer(4))
function threadCpu () {
  Atomics.wait(nobody, 0, 0, 0.05)
  return Number(fs.readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')[0])
}

// Works for so long, however long it waits for a CPU meanwhile: from when to when, and how much it took.
function spin (ms) {
  const from = now()
  const before = threadCpu()
  const start = process.cpuUsage()
  for (let took = 0; took < ms * 1e3;) {
    const { user, system } = process.cpuUsage(start)
    took = user + system
  }
  return [from, now(), threadCpu() - before]
}

// So small that an optimising compiler puts it into its callers.
function mix (a, b) {
  return (a * b) % 1000003
}

function thirty (rounds) {
  let x = 1
  for (let i = 0; i < rounds; i++) x = mix(x + i, 3)
  return x
}

function seventy (rounds) {
  let x = 1
  for (let i = 0; i < rounds; i++) x = mix(x + i, 7)
  return x
}

v8.setFlagsFromString('--expose-gc')
const collect = vm.runInNewContext('gc')

// How long each took, by this process's own CPU clock.
function burn (ms) {
  const took = { thirty: 0, seventy: 0, sum: 0 }
  const cpu = () => process.cpuUsage().user + process.cpuUsage().system
  const from = cpu()
  for (let at = from; at - from < ms * 1e3;) {
    const young = (f, rounds) => f(rounds)
    collect({ type: 'minor' })
    at = cpu()
    took.sum += young(thirty, 300000)
    const middle = cpu()
    took.thirty += middle - at
    took.sum += young(seventy, 700000)
    at = cpu()
    took.seventy += at - middle
  }
  return took
}

// A lock, and a thread that holds it for some ms when it is asked to.
const lock = new Int32Array(new SharedArrayBuffer(8)) // whether it is held; until when it was, in us
const holder = new Worker(`
  const { parentPort, workerData: lock } = require('worker_threads')
  parentPort.on('message', ({ from, ms }) => {
    const sleeper = new Int32Array(new SharedArrayBuffer(4))
    Atomics.wait(sleeper, 0, 0, ms)
    lock[1] = Number(process.hrtime.bigint() - from) / 1e3
    Atomics.store(lock, 0, 0)
    Atomics.notify(lock, 0)
  })`, { eval: true, workerData: lock })

// How long it was held, by the clock of who held it.
function locked (ms) {
  Atomics.store(lock, 0, 1)
  holder.postMessage({ from: process.hrtime.bigint(), ms })
  Atomics.wait(lock, 0, 1)
  return { took: lock[1] * 1e3 }
}

function write (line) {
  fs.appendFileSync(config.journal, JSON.stringify(line) + '\n')
}

// By its own clock, in ns; and by this program's.
async function postgres (client, ms) {
  const from = now()
  const result = await client.query(
    'SELECT extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1e9 AS took FROM pg_sleep($1)', [ms / 1000])
  return { took: Number(result.rows[0].took), here: now() - from }
}

function redis (socket, ms) {
  return new Promise((resolve) => {
    const from = now()
    socket.once('data', () => resolve({ took: ms * 1e6, here: now() - from }))
    socket.write(`DEBUG SLEEP ${ms / 1000}\r\n`)
  })
}

async function main () {
  const link = new OutgoingLink({ url: config.peer, token: 'token-of-peer' }, 'test.hop')
  const client = config.postgres && new Client({ host: '127.0.0.1', port: config.postgres, user: 'postgres', database: 'postgres' })
  const cache = config.redis && net.connect(config.redis, '127.0.0.1')

  if (client) await client.connect()
  if (cache) await redis(cache, 1)
  const server = await serve({
    listen: { host: '127.0.0.1' },
    incoming: [{ token: 'token-of-sender' }],
    onUnauthorised () {},
    handle: async (bytes) => {
      const mode = packet.deserializeIlpPrepare(bytes).destination.split('.').pop()
      const line = { mode, in: now() }
      if (!['work', 'burn', 'several', 'refused', 'parts'].includes(mode)) {
        line.postgres = await postgres(client, mode === 'postgres' ? 30 : 0)
        line.redis = await redis(cache, mode === 'redis' ? 30 : 0)
      }
      if (mode === 'spin') line.spin = spin(20)
      if (mode === 'lock') line.lock = locked(30)
      if (mode === 'work') {
        const one = await postgres(client, 8)
        const two = await postgres(client, 8)
        line.postgres = { took: one.took + two.took, here: one.here + two.here }
        line.spin = spin(4)
      }
      if (mode === 'burn') line.burn = burn(200)
      line.out = now()
      const reply = await link.send(bytes, tally)
      line.back = now()
      if (mode === 'spinback') line.spin = spin(20)
      write(line)
      return reply
    }
  })
  const side = http.createServer((request, response) => {
    response.write('spinning')
    // The byte leaves at the end of this turn of the loop.
    setImmediate(() => {
      write({ mode: 'side', spin: spin(60) })
      response.end()
    })
  })
  await new Promise((resolve) => side.listen(0, '127.0.0.1', resolve))
  fs.writeFileSync(`${config.ready}.tmp`, JSON.stringify({ port: server.address().port, side: side.address().port }))
  fs.renameSync(`${config.ready}.tmp`, config.ready)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
