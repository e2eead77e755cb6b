// SPDX-License-Identifier: Apache-2.0
// What tools ask any gRPC server: whether it serves, and what it can be asked.
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { openHouse } = require('../support/house.js')
const { grpc, loader, load, Health, connect, credentials } = require('./face.js')

let house
let health

before(async () => {
  house = await openHouse()
  await house.startNode()
  health = connect(house, 'validator-1', Health)
})

after(async () => {
  health.close()
  await house.close()
})

test('a node that serves says so, of itself and of the switch', async () => {
  assert.equal((await health.Check({})).status, 'SERVING')
  assert.equal((await health.Check({ service: 'vaxel.v1.Switch' })).status, 'SERVING')
  await assert.rejects(health.Check({ service: 'nobody' }), { code: grpc.status.NOT_FOUND })
})

test('who watches hears when Redis is gone, and when it is back', async () => {
  const stream = health.raw.Watch({ service: 'vaxel.v1.Switch' })
  const told = stream[Symbol.asyncIterator]()
  const next = async () => (await told.next()).value.status
  assert.equal(await next(), 'SERVING')
  await house.killRedis()
  assert.equal(await next(), 'NOT_SERVING')
  await house.startRedis()
  assert.equal(await next(), 'SERVING')
  stream.on('error', () => {})
  stream.cancel()
})

test('a service that is not there can be watched, should it come', async () => {
  const stream = health.raw.Watch({ service: 'nobody' })
  const first = await new Promise((resolve, reject) => stream.once('data', resolve).once('error', reject))
  assert.equal(first.status, 'SERVICE_UNKNOWN')
  stream.on('error', () => {})
  stream.cancel()
})

// Answers to requests for reflection, all on one stream.
function reflect(version, requests) {
  const { ServerReflection } = load(`grpc/reflection/${version}/reflection.proto`).grpc.reflection[version]
  const client = new ServerReflection(house.address, credentials(house, 'office-1'))
  const answers = []
  return new Promise((resolve, reject) => {
    const stream = client.ServerReflectionInfo()
    stream.on('data', (answer) => answers.push(answer))
    stream.on('error', reject)
    stream.on('end', () => resolve(answers))
    for (const request of requests) stream.write(request)
    stream.end()
  }).finally(() => client.close())
}

for (const version of ['v1', 'v1alpha']) {
  test(`reflection ${version} tells enough to call without a .proto file`, async () => {
    const [services, file, none] = await reflect(version, [
      { listServices: '' },
      { fileContainingSymbol: 'vaxel.v1.Switch' },
      { fileByFilename: 'no/such.proto' }
    ])
    const names = services.listServicesResponse.service.map((service) => service.name)
    assert.ok(names.includes('vaxel.v1.Switch') && names.includes(`grpc.reflection.${version}.ServerReflection`))
    assert.equal(none.errorResponse.errorCode, grpc.status.NOT_FOUND)
    const described = file.fileDescriptorResponse.fileDescriptorProto[0]
    const size = [(described.length & 0x7f) | 0x80, described.length >> 7]
    const set = Buffer.concat([Buffer.from([0x0a, ...size]), described])
    const { vaxel } = grpc.loadPackageDefinition(loader.loadFileDescriptorSetFromBuffer(set))
    const client = connect(house, 'office-1', vaxel.v1.Switch)
    assert.equal((await client.Echo({ payload: Buffer.from('seen') })).payload.toString(), 'seen')
    client.close()
  })
}
