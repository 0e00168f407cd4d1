// SPDX-License-Identifier: Apache-2.0
/*
 * busy.js PORT JOURNAL OWN - everything that a connector does beside ILP, until it is killed: TCP connections
 * to a database at PORT, long and short ones, and two with the same ports; lines to a journal on the Unix socket JOURNAL; a channel to a
 * child; a Unix socket OWN to which only that child connects; HTTP from itself to itself.
 */
'use strict'

const { fork } = require('child_process')
const http = require('http')
const net = require('net')

const [port, journal, own] = process.argv.slice(2)

// Asks the database again and again, on one connection.
function ask (connection, what = 'Q') {
  connection.on('data', () => setTimeout(() => connection.write(Buffer.alloc(300, what)), 20))
  connection.write(Buffer.alloc(300, what))
}

// Two connections with the same ports at either end, whose bytes are like nothing that is followed. The first is idle from
// its first answer on.
function twins () {
  const ends = { port, host: '127.0.0.1', localAddress: '127.0.0.2' }
  const idle = net.connect(ends, () => idle.write(Buffer.alloc(8, 2)))
  idle.once('data', () => ask(net.connect({ ...ends, localAddress: '127.0.0.3', localPort: idle.localPort }), 2))
}

function short () {
  const connection = net.connect(port, '127.0.0.1', () => connection.write('SELECT 1'))
  connection.once('data', () => connection.end())
  connection.once('close', () => setTimeout(short, 20))
}

function web () {
  const server = http.createServer((request, response) => response.end('fine'))
  server.listen(0, '127.0.0.1', () => {
    const agent = new http.Agent({ keepAlive: true })
    setInterval(() => {
      for (const options of [{ agent }, { agent: false }]) {
        http.get({ ...options, port: server.address().port, host: '127.0.0.1' }, (response) => response.resume())
      }
    }, 20)
  })
}

function family () {
  net.createServer((connection) => connection.resume()).listen(own, () => {
    const child = fork(__filename, ['child', own])
    child.on('message', () => setTimeout(() => child.send('again'), 20))
    child.send('go')
  })
}

if (port === 'child') {
  const connection = net.connect(journal)
  process.on('message', () => {
    connection.write('x')
    process.send('done')
  })
} else {
  for (let i = 0; i < 5; i++) ask(net.connect(port, '127.0.0.1'))
  twins()
  short()
  web()
  family()
  const lines = net.connect(journal)
  setInterval(() => lines.write('a line\n'), 20)
  console.log('ready')
}
