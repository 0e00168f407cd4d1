// SPDX-License-Identifier: Apache-2.0
// What a Rafiki node asks its PostgreSQL around each packet, over TLS inside the process: short
// statements one after the other, on a few connections that stay open.
'use strict'

const fs = require('fs')
const { Pool } = require('pg')

const ACCOUNTS = 100

class Database {
  constructor ({ host, port, user, ca, queries = 20 }) {
    this.queries = queries
    this.pool = new Pool({ host, port, user, database: 'postgres', max: 10, idleTimeoutMillis: 0, ssl: { ca: fs.readFileSync(ca) } })
    this.pool.on('error', () => {})
  }

  async start () {
    await this.pool.query('CREATE TABLE IF NOT EXISTS accounts (id integer PRIMARY KEY, asset text, balance bigint)')
    await this.pool.query(`INSERT INTO accounts SELECT n, 'EUR', 0 FROM generate_series(1, ${ACCOUNTS}) AS n ON CONFLICT DO NOTHING`)
  }

  // Around one exchange.
  async work () {
    const client = await this.pool.connect()
    try {
      for (let i = 0; i < this.queries; i++) {
        await client.query('SELECT id, asset, balance FROM accounts WHERE id = $1', [1 + i % ACCOUNTS])
      }
    } finally {
      client.release()
    }
  }

  async stop () {
    await this.pool.end()
  }
}

module.exports = { Database }
