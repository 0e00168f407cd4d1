#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// answered.js: adds to each line of workload.js (../stacks/common) the answer that its packet asks for, in base64, and
// how its exchange ends. So an end in any language needs no ILP library: a server looks up the bytes that came in, a
// client compares the bytes that came back.
'use strict'

const fs = require('fs')
const { answer, outcome } = require('../stacks/common/answer')

for (const line of fs.readFileSync(0, 'latin1').trim().split('\n')) {
  const { reply } = answer(Buffer.from(line.split(' ')[2], 'base64'))
  process.stdout.write(`${line} ${reply.toString('base64')} ${outcome(reply)}\n`)
}
