// SPDX-License-Identifier: Apache-2.0
// Many calls, impatient clients, and nodes that come and go.
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { openHouse } = require('../support/house.js')
const { grpc, connect, purchase } = require('./face.js')

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

const cent = (changes) => purchase({ amount: { minor: 1, currency: 'SEK' }, ...changes })

test('ten thousand purchases over a hundred streams are each recorded once, with frames beside them', async () => {
  const before = Number(house.sql('SELECT count(*) FROM entry'))
  let framesEnd = false
  let frames = 0
  const inFrames = (async () => {
    do {
      assert.match(house.vaxel('echo'), /./)
      frames++
      await new Promise(setImmediate)
    } while (!framesEnd && frames < 20)
  })()
  const stream = async () => {
    for (let i = 0; i < 100; i++) {
      const answer = await client.Authorize(cent({ timeoutMs: 10000 }))
      assert.equal(answer.decision, 'DECISION_APPROVED', answer.message)
    }
  }
  await Promise.all(Array.from({ length: 100 }, stream))
  framesEnd = true
  await inFrames
  assert.ok(frames > 0)
  assert.equal(Number(house.sql('SELECT count(*) FROM entry')) - before, 10000)
  assert.match(house.vaxel('audit'), /./)
})

test('a call that was cancelled is bought once or not at all, and its id tells which', async () => {
  const asked = Array.from({ length: 500 }, () => cent())
  await Promise.all(
    asked.map(
      (message, i) =>
        new Promise((resolve) => {
          const call = client.raw.Authorize(message, (error) => {
            if (error) assert.equal(error.code, grpc.status.CANCELLED)
            resolve()
          })
          if (i % 2 === 0) setImmediate(() => call.cancel())
          else setTimeout(() => call.cancel(), i % 10)
        })
    )
  )
  for (const message of asked) {
    const answer = await client.Authorize(message)
    assert.equal(answer.decision, 'DECISION_APPROVED', answer.message)
  }
  const ids = asked.map((message) => `'${message.id.toString('hex')}'`).join(',')
  assert.equal(house.sql(`SELECT count(*) FROM entry WHERE id IN (${ids})`), '500')
})

test("a client's deadline is the switch's", async () => {
  await house.killRedis() // nothing is decided until it is back
  const begin = Date.now()
  // The switch's own setting would be 400 ms.
  const answer = await client.Authorize(cent({ timeoutMs: 0 }), 2000).catch((error) => error)
  assert.ok(Date.now() - begin >= 1000)
  assert.ok(answer.decision === 'DECISION_FAILED' || answer.code === grpc.status.DEADLINE_EXCEEDED)
  // A shorter one holds against the ten seconds of the message.
  const short = await client.Authorize(cent({ timeoutMs: 10000 }), 300).catch((error) => error)
  assert.ok(short.decision === 'DECISION_FAILED' || short.code === grpc.status.DEADLINE_EXCEEDED)
  await assert.rejects(client.Echo({}, -1000), { code: grpc.status.DEADLINE_EXCEEDED })
  await house.startRedis()
  assert.equal((await client.Authorize(cent({ timeoutMs: 10000 }))).decision, 'DECISION_APPROVED')
})

test('a node that ends fails no call while another is there', async () => {
  let current = [...house.processes].find((child) => child.spawnfile.endsWith('vaxeld'))
  let isOver = false
  let answered = 0
  const stream = async () => {
    while (!isOver) {
      const answer = await client.Authorize(cent({ timeoutMs: 10000 }))
      assert.equal(answer.decision, 'DECISION_APPROVED', answer.message)
      answered++
    }
  }
  const streams = Promise.all(Array.from({ length: 20 }, stream))
  for (let round = 0; round < 3; round++) {
    const next = await house.startNode(`next-${round}`)
    const reached = answered + 100
    while (answered < reached) await Promise.race([streams, new Promise(setImmediate)])
    current.kill('SIGTERM')
    assert.equal(await Promise.race([current.ended, streams]), 0)
    current = next
  }
  isOver = true
  await streams
})
