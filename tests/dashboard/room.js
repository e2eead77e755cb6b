// SPDX-License-Identifier: Apache-2.0
// A control room: two nodes, and a browser that shows their dashboard.
const { chromium } = require('playwright-core')
const fs = require('node:fs')
const path = require('node:path')
const { openHouse, until, freePort, root } = require('../support/house.js')

const patienceMs = 30000
const goodCard = '9932543656338003'
const blockedCard = '9932543656338012'
const pictures = path.join(root, 'build/dashboard-pictures')
// Debian's Chromium, kept from looking for its maker's servers.
const quietly = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync'
]

class ControlRoom {
  nodes = {}
  pages = []

  async open() {
    this.house = await openHouse()
    this.ports = { north: await freePort(), south: await freePort() }
    fs.mkdirSync(pictures, { recursive: true })
    for (const name of Object.keys(this.ports)) await this.start(name)
    this.browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: quietly })
  }

  url(name) {
    return `http://127.0.0.1:${this.ports[name]}`
  }

  async start(name) {
    this.nodes[name] = await this.house.startNode(name, {
      'ops.listen': `127.0.0.1:${this.ports[name]}`,
      'ops.name': name,
      'ops.nodes': Object.keys(this.ports)
        .map((each) => this.url(each))
        .join(','),
      'ops.pages': path.join(root, 'build/dashboard'),
      'stand_in.journal': this.house.file(`journal-${name}`),
      'stand_in.size': '2 MiB',
      // A busy machine is not to be taken for a PostgreSQL that is away.
      'stand_in.after': '10 s'
    })
  }

  async kill(name) {
    this.nodes[name].kill('SIGKILL')
    await this.nodes[name].ended
  }

  // What the page complains of, and whom it talks to, is kept with it.
  async show(options = {}) {
    const context = await this.browser.newContext({
      viewport: { width: 1440, height: 900 },
      colorScheme: 'dark',
      ...options
    })
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    const page = await context.newPage()
    page.setDefaultTimeout(patienceMs)
    page.complaints = []
    page.origins = new Set()
    page.on('console', (message) => message.type() === 'error' && page.complaints.push(message.text()))
    page.on('pageerror', (error) => page.complaints.push(error.stack))
    page.on('request', (request) => page.origins.add(new URL(request.url()).origin))
    this.pages.push(page)
    await page.goto(`${this.url('north')}/`)
    await page.locator('tr.node[data-state=live]').nth(1).waitFor()
    return page
  }

  // What it complained of is kept.
  leave(page) {
    return page.context().close()
  }

  picture(page, name) {
    return page.screenshot({ path: path.join(pictures, `${name}.png`) })
  }

  // What the switch answers, be it yes or no.
  buy({ card = goodCard, amount = '1.00', timeout = '30s' } = {}) {
    const asked = ['--card', card, '--amount', amount, '--product', 'single', '--intended', '--timeout', timeout]
    try {
      return JSON.parse(this.house.vaxel('purchase', '--json', ...asked))
    } catch (error) {
      if (!error.stdout) throw error
      return JSON.parse(error.stdout)
    }
  }

  // Of both nodes, added up: { 'vaxel_requests_capacity': 16, 'vaxel_answers_total{…}': 3 }
  async metrics() {
    const sums = {}
    for (const name of Object.keys(this.ports)) {
      const text = await (await fetch(`${this.url(name)}/metrics`)).text()
      for (const line of text.split('\n')) {
        const [, series, value] = /^(\S+(?:\{.*\})?) (\S+)$/.exec(line) ?? []
        if (series && !line.startsWith('#')) sums[series] = (sums[series] ?? 0) + Number(value)
      }
    }
    return sums
  }

  async close() {
    await this.browser.close()
    await this.house.close()
  }
}

async function openControlRoom() {
  const room = new ControlRoom()
  try {
    await room.open()
  } catch (error) {
    room.house?.endAll()
    throw error
  }
  return room
}

const field = (page, name) => page.locator(`[data-field="${name}"]`).first()

// The text of a field, numbers without their spaces.
async function textOf(page, name) {
  return (await field(page, name).textContent()).replace(/(\d)\u202f(?=\d)/g, '$1')
}

// Milliseconds until the page is so.
async function shows(page, condition, argument) {
  const begin = performance.now()
  await page.waitForFunction(condition, argument, { polling: 20, timeout: patienceMs })
  return Math.round(performance.now() - begin)
}

const says = (page, words) =>
  shows(page, (words) => new RegExp(words).test(document.querySelector('h1').textContent), words)

module.exports = { openControlRoom, field, textOf, shows, says, until, blockedCard }
