// SPDX-License-Identifier: Apache-2.0
/*
 * workers.js KIND WORKERS COUNT URL CA TOKEN: a connector that has its exchanges made by workers, each
 * COUNT of them, once the file $GO is there: KIND is cluster, child (child_process.fork) or thread
 * (worker_threads). Prints "worker PID" for each, and "answered N": how many were fulfilled.
 */
'use strict'

const cluster = require('cluster')
const { fork } = require('child_process')
const crypto = require('crypto')
const fs = require('fs')
const https = require('https')
const threads = require('worker_threads')
const packet = require('../e2e/node_modules/ilp-packet')

const [kind, workers, count, url, ca, token] = process.argv.slice(2)

function prepare () {
  const preimage = crypto.randomBytes(32)
  return packet.serializeIlpPrepare({
    amount: '1000',
    expiresAt: new Date(Date.now() + 600000),
    executionCondition: crypto.createHash('sha256').update(preimage).digest(),
    destination: 'test.bob.raw.workers',
    data: Buffer.concat([preimage, Buffer.from('   ')])
  })
}

function post (agent) {
  return new Promise((resolve, reject) => {
    const request = https.request(url, {
      agent,
      method: 'POST',
      headers: { 'Content-Type': 'application/octet-stream', Authorization: `Bearer ${token}` }
    }, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () => resolve(Buffer.concat(chunks)[0] === 13))
    })
    request.on('error', reject)
    request.end(prepare())
  })
}

async function work () {
  while (!fs.existsSync(process.env.GO)) await new Promise((resolve) => setTimeout(resolve, 20))
  const agent = new https.Agent({ keepAlive: true, ca: fs.readFileSync(ca) })
  let answered = 0
  for (let i = 0; i < Number(count); i++) answered += await post(agent)
  agent.destroy()
  return answered
}

function start () {
  let worker
  if (kind === 'cluster') worker = cluster.fork()
  else if (kind === 'child') worker = fork(__filename, process.argv.slice(2), { env: { ...process.env, WORKER: '1' } })
  else worker = new threads.Worker(__filename, { argv: process.argv.slice(2) })
  console.log(`worker ${worker.pid || worker.process?.pid || process.pid}`)
  return worker
}

async function main () {
  if (!threads.isMainThread) {
    threads.parentPort.postMessage(await work())
    return
  }
  if (cluster.isWorker || process.env.WORKER) {
    process.send(await work(), () => process.disconnect())
    return
  }
  const results = await Promise.all(Array.from({ length: Number(workers) }, () =>
    new Promise((resolve, reject) => start().once('message', resolve).once('error', reject))))
  console.log(`answered ${results.reduce((a, b) => a + b, 0)}`)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
