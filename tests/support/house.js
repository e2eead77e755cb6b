// SPDX-License-Identifier: Apache-2.0
// A database, a Redis and nodes of a test's own, with the example company; everything ends with the test's process.
const { spawn, execFileSync } = require('node:child_process')
const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const crypto = require('node:crypto')
const { setTimeout: pause } = require('node:timers/promises')

const root = path.resolve(__dirname, '../..')
const programs = process.env.VAXEL_PROGRAMS
const server = process.env.VAXEL_TEST_POSTGRES
const patienceMs = 60000

async function until(what, isSo) {
  const giveUp = Date.now() + patienceMs
  while (!(await isSo())) {
    if (Date.now() > giveUp) throw new Error(`waited in vain until ${what}`)
    await pause(20)
  }
}

// As tests/support/place.c draws them, and says why.
const firstPort = 12000
const ports = 20000

function isFree(port) {
  return new Promise((resolve) => {
    const listener = net.createServer()
    listener.on('error', () => resolve(false))
    listener.listen(port, '127.0.0.1', () => listener.close(() => resolve(true)))
  })
}

async function findPort() {
  for (;;) {
    const port = firstPort + crypto.randomInt(ports)
    if (await isFree(port)) return port
  }
}

// Given to one taker in the whole run: it stays free until that one listens. tests/support/place.c marks them alike.
async function freePort() {
  for (;;) {
    const port = await findPort()
    try {
      fs.writeFileSync(path.join(process.env.VAXEL_TEST_DIRECTORY, `port-${port}`), '', { flag: 'wx' })
      return port
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
  }
}

class House {
  processes = new Set()

  async open(settings = '') {
    this.directory = fs.mkdtempSync(path.join(process.env.VAXEL_TEST_DIRECTORY, 'house-'))
    this.database = `house_${crypto.randomBytes(6).toString('hex')}`
    this.port = await freePort()
    this.address = `localhost:${this.port}`
    const names = ['server', 'validator-1', 'office-1', 'stranger']
    execFileSync(path.join(root, 'deploy/dev/certificates'), [this.directory, ...names])
    this.#query('dbname=postgres', `CREATE DATABASE ${this.database}`)
    this.#configure(settings)
    this.vaxel('migrate')
    this.vaxel('example')
    await this.startRedis()
  }

  #configure(settings) {
    this.config = this.file('node.ini')
    const client = this.file('office-1')
    fs.writeFileSync(
      this.config,
      `[listen]\naddress = 127.0.0.1:${this.port}\n[ops]\nlisten = none\n` +
        `[tls]\ncertificate = ${this.file('server.pem')}\nkey = ${this.file('server.key')}\n` +
        `authority = ${this.file('authority.pem')}\n[redis]\naddress = unix:${this.file('redis.sock')}\n` +
        `[postgres]\nconninfo = ${server} dbname=${this.database}\n` +
        `[client]\nconnect = 127.0.0.1:${this.port}\ncertificate = ${client}.pem\nkey = ${client}.key\n` +
        `authority = ${this.file('authority.pem')}\n${settings}`
    )
  }

  file(name) {
    return path.join(this.directory, name)
  }

  #query(place, sql) {
    const psql = path.join(process.env.VAXEL_POSTGRES_BIN ?? '/usr/bin', 'psql')
    return execFileSync(psql, ['-X', '-q', '-At', `${server} ${place}`, '-c', sql], { encoding: 'utf8' }).trim()
  }

  sql(sql) {
    return this.#query(`dbname=${this.database}`, sql)
  }

  // PostgreSQL away and back, for this house alone.
  closeDatabase() {
    this.#query('dbname=postgres', `ALTER DATABASE ${this.database} ALLOW_CONNECTIONS false`)
    const backends = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${this.database}'`
    this.#query('dbname=postgres', backends)
  }

  openDatabase() {
    this.#query('dbname=postgres', `ALTER DATABASE ${this.database} ALLOW_CONNECTIONS true`)
  }

  vaxel(...command) {
    return execFileSync(path.join(programs, 'vaxel'), ['--config', this.config, ...command], { encoding: 'utf8' })
  }

  #start(name, program, options) {
    const log = fs.openSync(this.file(`${name}.log`), 'a')
    const child = spawn(program, options, { stdio: ['ignore', log, log] })
    fs.closeSync(log)
    this.processes.add(child)
    child.ended = new Promise((resolve) => {
      child.once('exit', (status, signal) => {
        this.processes.delete(child)
        resolve(status ?? signal)
      })
    })
    return child
  }

  log(name) {
    return fs.readFileSync(this.file(`${name}.log`), 'utf8')
  }

  async startRedis() {
    const socket = this.file('redis.sock')
    const options = ['--port', '0', '--unixsocket', socket, '--save', '', '--maxmemory-policy', 'noeviction']
    this.redis = this.#start('redis', 'redis-server', [...options, '--dir', this.directory])
    const ping = () => execFileSync('redis-cli', ['-s', socket, 'ping'], { encoding: 'utf8', stdio: 'pipe' })
    await until('Redis answers', () => {
      try {
        return ping().includes('PONG')
      } catch {
        return false
      }
    })
  }

  async killRedis() {
    this.redis.kill('SIGKILL')
    await this.redis.ended
  }

  // Several may listen on the one port. `settings` are of the node's own, as { 'ops.name': 'a' }.
  async startNode(name = 'node', settings = {}) {
    const own = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`])
    const node = this.#start(name, path.join(programs, 'vaxeld'), ['--config', this.config, ...own])
    await until(`${name} listens`, () => {
      if (!this.processes.has(node)) throw new Error(`${name} ended:\n${this.log(name)}`)
      return this.log(name).includes('listening')
    })
    return node
  }

  async close() {
    for (const child of [...this.processes].reverse()) {
      child.kill('SIGTERM')
      const status = await child.ended
      if (status !== 0) throw new Error(`${child.spawnfile} ended with ${status}, see ${this.directory}`)
    }
    this.#query('dbname=postgres', `DROP DATABASE ${this.database} WITH (FORCE)`)
    fs.rmSync(this.directory, { recursive: true })
  }

  // However the test's process ends.
  endAll() {
    for (const child of this.processes) child.kill('SIGKILL')
  }
}

async function openHouse(settings) {
  const house = new House()
  process.once('exit', () => house.endAll())
  try {
    await house.open(settings)
  } catch (error) {
    house.endAll()
    throw error
  }
  return house
}

module.exports = { openHouse, until, freePort, root }
