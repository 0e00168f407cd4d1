// SPDX-License-Identifier: Apache-2.0
// connector.js CONFIG: a whole ilp-connector, its accounts over ilp-plugin-http.
'use strict'

const { createApp } = require('ilp-connector')

createApp(JSON.parse(require('fs').readFileSync(process.argv[2]))).listen().then(
  () => console.log('ready'),
  (error) => {
    console.error(error)
    process.exit(1)
  })
