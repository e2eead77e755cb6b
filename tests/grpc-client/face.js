// SPDX-License-Identifier: Apache-2.0
// Clients of the gRPC face, as an app's backend would make them.
const grpc = require('@grpc/grpc-js')
const loader = require('@grpc/proto-loader')
const crypto = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const { promisify } = require('node:util')
const { root } = require('../support/house.js')

const options = { enums: String, longs: Number, defaults: true, oneofs: true, includeDirs: [path.join(root, 'proto')] }

function load(file) {
  return grpc.loadPackageDefinition(loader.loadSync(file, options))
}

const { vaxel } = load('vaxel/v1/switch.proto')
const { Health } = load('grpc/health/v1/health.proto').grpc.health.v1

function credentials(house, name) {
  const read = (file) => fs.readFileSync(house.file(file))
  return grpc.credentials.createSsl(read('authority.pem'), read(`${name}.key`), read(`${name}.pem`))
}

// A client whose calls are promises; `raw` is the one of callbacks.
function connect(house, name = 'office-1', Service = vaxel.v1.Switch, channelOptions = {}) {
  const raw = new Service(house.address, credentials(house, name), channelOptions)
  const calls = { raw, close: () => raw.close() }
  for (const call of Object.keys(Service.service)) {
    const unary = promisify(raw[call]).bind(raw)
    calls[call] = (message, deadlineMs = 60000) => unary(message, { deadline: Date.now() + deadlineMs })
  }
  return calls
}

// A UUIDv7 of this moment.
function newId() {
  const id = crypto.randomBytes(16)
  id.writeUIntBE(Date.now(), 0, 6)
  id[6] = 0x70 | (id[6] & 0x0f)
  id[8] = 0x80 | (id[8] & 0x3f)
  return id
}

const card = { card: '9932543656338003' }

function purchase(changes = {}) {
  return {
    id: newId(),
    credential: card,
    amount: { minor: 100, currency: 'SEK' },
    product: 'single',
    place: 'line 45, bus 4711',
    timeoutMs: 10000,
    intended: true,
    ...changes
  }
}

module.exports = { grpc, loader, load, vaxel, Health, credentials, connect, newId, card, purchase }
