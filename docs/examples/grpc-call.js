// SPDX-License-Identifier: Apache-2.0
// node grpc-call.js HOST:PORT CLIENT CALL JSON, where CLIENT.pem, CLIENT.key, authority.pem and switch.proto are here.
const grpc = require('@grpc/grpc-js')
const { vaxel } = grpc.loadPackageDefinition(require('@grpc/proto-loader').loadSync('switch.proto', { enums: String }))
const read = require('node:fs').readFileSync
const [address, name, call, json] = process.argv.slice(2)
const credentials = grpc.credentials.createSsl(read('authority.pem'), read(`${name}.key`), read(`${name}.pem`))
const client = new vaxel.v1.Switch(address, credentials)
client[call](JSON.parse(json), { deadline: Date.now() + 5000 }, (error, answer) => {
  console.log(error ? `${grpc.status[error.code]}: ${error.details}` : JSON.stringify(answer))
  client.close()
})
