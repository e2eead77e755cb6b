// SPDX-License-Identifier: Apache-2.0
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const http2 = require('node:http2')
const path = require('node:path')
const { openHouse, root } = require('../support/house.js')
const { grpc, vaxel, connect, newId, card, purchase } = require('./face.js')

let house
let client

before(async () => {
  house = await openHouse()
  await house.startNode()
  client = connect(house)
})

after(async () => {
  client.close()
  await house.close()
})

const status = (code, words) => (error) => {
  assert.equal(grpc.status[error.code], grpc.status[code], error.details)
  assert.match(error.details, words)
  return true
}

test('a purchase is approved and recorded', async () => {
  const asked = purchase({ amount: { minor: 13000, currency: 'SEK' } })
  const answer = await client.Authorize(asked)
  assert.equal(answer.decision, 'DECISION_APPROVED')
  assert.equal(answer.safety, 'SAFETY_COMMITTED')
  assert.deepEqual(answer.id, asked.id)
  assert.equal(answer.approved.minor, 13000)
  assert.match(answer.message, /^Approved\./)
  const row = house.sql(`SELECT amount_minor FROM entry WHERE id = '${asked.id.toString('hex')}'`)
  assert.equal(row, '13000')
  const again = await client.Authorize(asked)
  assert.ok(again.repeat)
})

test('a hold is captured in part, and the rest is let go', async () => {
  const hold = purchase({ hold: true, holdS: 900, amount: { minor: 5000, currency: 'SEK' } })
  assert.equal((await client.Authorize(hold)).decision, 'DECISION_APPROVED')
  const open = await client.Lookup({ id: hold.id, credential: card })
  assert.equal(open.hold, 'HOLD_STATE_OPEN')
  assert.ok(Number(open.expiresAtUs) > Number(open.serverTimeUs))
  const captured = await client.Capture({
    id: newId(),
    original: hold.id,
    credential: card,
    amount: { minor: 3000, currency: 'SEK' }
  })
  assert.equal(captured.decision, 'DECISION_APPROVED')
  assert.equal(captured.amount.minor, 3000)
  assert.equal(captured.remaining.minor, 0)
  const found = await client.Lookup({ id: hold.id, credential: card })
  assert.ok(found.found)
  assert.equal(found.kind, 'hold')
  assert.equal(found.captured.minor, 3000)
  assert.equal(found.hold, 'HOLD_STATE_CLOSED')
})

test('a hold is voided, a purchase refunded and another reversed', async () => {
  const hold = purchase({ hold: true })
  const bought = purchase()
  const mistaken = purchase()
  for (const asked of [hold, bought, mistaken]) {
    assert.equal((await client.Authorize(asked)).decision, 'DECISION_APPROVED')
  }
  const voided = await client.VoidHold({ id: newId(), original: hold.id, credential: card })
  assert.equal(voided.decision, 'DECISION_APPROVED')
  const refunded = await client.Refund({ id: newId(), original: bought.id, credential: card })
  assert.equal(refunded.amount.minor, 100)
  const reversed = await client.Reverse({ id: mistaken.id, credential: card })
  assert.equal(reversed.decision, 'DECISION_APPROVED')
  assert.ok((await client.Lookup({ id: mistaken.id, credential: card })).reversed)
})

test('advices are answered each by itself, in their order', async () => {
  const good = newId()
  const advices = [
    { id: good, credential: card, amount: { minor: 100, currency: 'SEK' }, product: 'single', place: '' },
    { id: newId(), credential: card, amount: { minor: -1, currency: 'SEK' }, product: 'single', place: '' },
    { id: newId(), credential: card, amount: { minor: 100, currency: 'SEK' }, product: 'single', place: '' }
  ]
  const answer = await client.Advise({ advices, timeoutMs: 10000 })
  assert.deepEqual(
    answer.results.map((result) => result.decision),
    ['DECISION_APPROVED', 'DECISION_DECLINED', 'DECISION_APPROVED']
  )
  assert.deepEqual(answer.results[0].id, good)
  assert.equal(answer.results[1].field, 'amount.minor')
})

test('the block list, the balance and an echo are answered', async () => {
  const list = await client.BlockList({ since: 0 })
  assert.ok(list.blocks.length >= 1)
  assert.equal(list.more, false)
  const balance = await client.Balance({ credential: card })
  assert.equal(balance.decision, 'DECISION_APPROVED')
  assert.ok(balance.available.minor > 0)
  const payload = Buffer.from('växel')
  assert.deepEqual((await client.Echo({ payload })).payload, payload)
})

test('a business no is an answer, not an error', async () => {
  const answer = await client.Authorize(purchase({ credential: { card: '9932543656338012' } }))
  assert.equal(answer.decision, 'DECISION_DECLINED')
  assert.equal(answer.reason, 'REASON_BLOCKED')
})

test('what is malformed names the field', async () => {
  const wrong = purchase({ amount: { minor: 0, currency: 'SEK' } })
  await assert.rejects(client.Authorize(wrong), status(grpc.status.INVALID_ARGUMENT, /^authorize\.amount\.minor is 0/))
  await assert.rejects(
    client.Authorize(purchase({ id: Buffer.from('x') })),
    status(grpc.status.INVALID_ARGUMENT, /^authorize\.id has 1 bytes/)
  )
})

test('a client without the right is told so', async () => {
  const validator = connect(house, 'validator-1')
  const asked = { id: newId(), original: newId(), credential: card }
  await assert.rejects(validator.Refund(asked), status(grpc.status.PERMISSION_DENIED, /client validator-1/))
  assert.ok(await validator.Echo({}))
  validator.close()
})

test('a client that nobody knows gets nowhere', async () => {
  const stranger = connect(house, 'stranger')
  await assert.rejects(stranger.Echo({}, 3000), (error) => error.code !== grpc.status.OK)
  stranger.close()
})

test('a method that is not there is unimplemented', async () => {
  const definition = { ...vaxel.v1.Switch.service.Echo, path: '/vaxel.v1.Switch/Steal' }
  const Thief = grpc.makeGenericClientConstructor({ Steal: definition }, 'Thief')
  const thief = connect(house, 'office-1', Thief)
  await assert.rejects(thief.Steal({}), status(grpc.status.UNIMPLEMENTED, /no such method/))
  thief.close()
})

test('a message that is too large is refused, and the connection goes on', async () => {
  const payload = Buffer.alloc(70000)
  await assert.rejects(client.Echo({ payload }), status(grpc.status.RESOURCE_EXHAUSTED, /larger than the 65536 bytes/))
  await assert.rejects(
    client.Echo({ payload: Buffer.alloc(2000) }),
    status(grpc.status.INVALID_ARGUMENT, /^echo\.payload has 2000 bytes/)
  )
  assert.ok(await client.Echo({ payload: Buffer.alloc(1024) }))
})

test('compression is refused by its name', async () => {
  const zipped = connect(house, 'office-1', vaxel.v1.Switch, { 'grpc.default_compression_algorithm': 2 })
  await assert.rejects(
    zipped.Echo({ payload: Buffer.alloc(1000) }),
    status(grpc.status.UNIMPLEMENTED, /grpc-encoding is not identity/)
  )
  zipped.close()
})

test('plain HTTP is told what is spoken, and pings are answered', async () => {
  const read = (file) => fs.readFileSync(house.file(file))
  const session = http2.connect(`https://${house.address}`, {
    ca: read('authority.pem'),
    key: read('office-1.key'),
    cert: read('office-1.pem')
  })
  const ask = (headers) =>
    new Promise((resolve, reject) => {
      const stream = session.request(headers)
      stream.on('response', (answer) => resolve(answer[':status']))
      stream.on('error', reject)
      stream.resume()
      stream.end()
    })
  assert.equal(await ask({ ':method': 'GET', ':path': '/' }), 405)
  assert.equal(await ask({ ':method': 'POST', ':path': '/', 'content-type': 'application/json' }), 415)
  const payload = await new Promise((resolve, reject) =>
    session.ping(Buffer.from('12345678'), (error, took, answer) => (error ? reject(error) : resolve(answer)))
  )
  assert.equal(payload.toString(), '12345678')
  session.close()
})

test('the ten lines of the documentation work as they are', () => {
  const here = house.file('ten-lines')
  fs.mkdirSync(here)
  for (const name of ['office-1.pem', 'office-1.key', 'authority.pem']) fs.copyFileSync(house.file(name), `${here}/${name}`)
  fs.copyFileSync(path.join(root, 'proto/vaxel/v1/switch.proto'), `${here}/switch.proto`)
  const script = path.join(root, 'docs/examples/grpc-call.js')
  const run = (...words) => execFileSync(process.execPath, [script, ...words], { cwd: here, encoding: 'utf8' })
  const balance = JSON.parse(run(house.address, 'office-1', 'Balance', JSON.stringify({ credential: card })))
  assert.equal(balance.decision, 'DECISION_APPROVED')
  assert.match(run(house.address, 'office-1', 'Balance', '{}'), /^INVALID_ARGUMENT: balance\.credential is missing/)
})
