// SPDX-License-Identifier: Apache-2.0
// picture.js FILE [SECONDS]: what the README shows, two nodes under load for so long. By hand:
//   deploy/dev/with-postgres env VAXEL_PROGRAMS=$PWD/build/release NODE_PATH=build/node-tests/dashboard/node_modules \
//       node tests/dashboard/picture.js docs/dashboard.png
const { spawn } = require('node:child_process')
const path = require('node:path')
const { setTimeout: pause } = require('node:timers/promises')
const { openControlRoom, blockedCard } = require('./room.js')

const [file, seconds = '320'] = process.argv.slice(2)
const declined = [
  { card: blockedCard },
  { card: '9932543656338020' },
  { card: '9932543656338038' },
  { amount: '1990.00' },
  { card: '9932543656339999' }
]

async function main() {
  const room = await openControlRoom()
  const { house } = room
  house.vaxel('generate', '--organisations', '40', '--travellers', '50', '--organisation-limit', '48000.00')
  const driven = [
    '--rate',
    '150',
    '--connections',
    '48',
    '--amount',
    '36.00',
    '--organisations',
    '40',
    '--travellers',
    '50'
  ]
  const load = spawn(path.join(process.env.VAXEL_PROGRAMS, 'vaxel'), [
    '--config',
    house.config,
    'load',
    ...driven,
    '--seconds',
    String(Number(seconds) + 60)
  ])
  const until = Date.now() + Number(seconds) * 1000
  for (let i = 0; Date.now() < until; i++) {
    room.buy(declined[i % declined.length])
    await pause(300 + 400 * Math.random())
  }
  const page = await room.show()
  await pause(3000)
  await page.screenshot({ path: file })
  load.kill()
  await room.close()
}

main()
