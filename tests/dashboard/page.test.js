// SPDX-License-Identifier: Apache-2.0
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { openControlRoom, field, textOf, shows, says, until, blockedCard } = require('./room.js')
const { findings } = require('./axe.js')

let room
let page
const light = { colorScheme: 'light' }
const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }

before(async () => {
  room = await openControlRoom()
  page = await room.show()
})

after(() => room.close())

const seriesOf = (metrics, name, labels) =>
  Object.entries(metrics)
    .filter(([series]) => series.startsWith(`${name}{`) && labels.every((label) => series.includes(label)))
    .reduce((sum, [, value]) => sum + value, 0)

test('what the page shows of two nodes is the sum of their metrics', async () => {
  for (let i = 0; i < 6; i++) room.buy()
  room.buy({ card: blockedCard })
  const answers = (metrics, ...labels) =>
    String(seriesOf(metrics, 'vaxel_answers_total', ['call="authorize"', ...labels]))
  const expected = {
    'approved-total': (metrics) => answers(metrics, 'decision="approved"'),
    'declined-total': (metrics) => answers(metrics, 'decision="declined"'),
    'failed-total': (metrics) => answers(metrics, 'decision="failed"'),
    'reason-BLOCKED': (metrics) => answers(metrics, 'reason="BLOCKED"'),
    'requests-meter': (metrics) => `${metrics.vaxel_requests} of ${metrics.vaxel_requests_capacity}`,
    'waiting-meter': (metrics) => `${metrics.vaxel_postgres_waiting} of ${metrics.vaxel_postgres_waiting_capacity}`,
    'connections-meter': (metrics) =>
      `${seriesOf(metrics, 'vaxel_connections', [])} of ${metrics.vaxel_connections_capacity}`,
    'waiting-entries': (metrics) => String(metrics.vaxel_journal_entries),
    'waiting-amount': (metrics) => (metrics.vaxel_journal_amount_minor / 100).toFixed(2),
    quarantined: (metrics) => String(metrics.vaxel_quarantined_total)
  }
  let shown, metrics
  const equal = async () => {
    metrics = await room.metrics()
    shown = {}
    for (const name of Object.keys(expected))
      shown[name] = (await field(page, name).count()) ? await textOf(page, name) : 'nothing'
    return Object.entries(expected).every(([name, value]) => shown[name] === value(metrics))
  }
  try {
    await until('the page shows what the metrics say', equal)
  } catch {
    const wanted = Object.fromEntries(Object.entries(expected).map(([name, value]) => [name, value(metrics)]))
    assert.deepEqual(shown, wanted)
  }
  assert.equal(shown['approved-total'], '6')
  assert.equal(shown['reason-BLOCKED'], '1')
  assert.equal(await textOf(page, 'says'), 'All well')
  assert.match(await textOf(page, 'pace'), /^\d.* purchases?\/s$/)
  assert.deepEqual(await page.locator('tr.node strong').allTextContents(), ['north', 'south'])
})

test('a purchase is seen on the page at once', async (t) => {
  await shows(page, () => document.querySelector('[data-field=whole-p50]').textContent !== '–')
  const earlier = Number(await textOf(page, 'approved-total'))
  const took = []
  for (let i = 1; i <= 3; i++) {
    room.buy()
    const has = (total) => document.querySelector('[data-field=approved-total]').textContent === total
    took.push(await shows(page, has, String(earlier + i)))
  }
  t.diagnostic(`a purchase is on the page ${took.join(', ')} ms after its answer`)
})

test('a decline is shown with its explanation, and its id can be copied', async () => {
  const answer = room.buy({ card: blockedCard })
  const row = page.locator('.declines li', { hasText: answer.id })
  await row.waitFor()
  assert.equal(await row.locator('.reason').textContent(), 'Blocked')
  assert.ok((await row.locator('.why').textContent()).length > 10)
  const words = await row.locator('.who').textContent()
  assert.match(words, /credential ••••8012/)
  assert.ok(!words.includes(blockedCard))
  // By keyboard too, and what comes every second takes the focus from nobody.
  await row.getByRole('button').focus()
  // It is said for a moment only.
  const copied = row.getByRole('button').filter({ hasText: 'Copied' }).waitFor()
  await page.keyboard.press('Enter')
  await copied
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), answer.id)
  const heard = await textOf(page, 'heard')
  await shows(page, (at) => document.querySelector('[data-field=heard]').textContent !== at, heard)
  assert.equal(await page.evaluate(() => document.activeElement.className), 'copy')
})

test('the page can be used by keyboard alone', async () => {
  const here = await room.show()
  const focused = () => here.evaluate(() => document.activeElement.textContent || document.activeElement.value)
  const ring = () => here.evaluate(() => getComputedStyle(document.activeElement).outlineStyle)
  await here.keyboard.press('Tab')
  assert.equal(await focused(), 'To the figures')
  await here.keyboard.press('Tab')
  await here.keyboard.press('ArrowRight')
  assert.equal(await here.locator('html').getAttribute('data-theme'), 'light')
  await here.keyboard.press('ArrowRight')
  assert.equal(await here.locator('html').getAttribute('data-theme'), 'dark')
  await here.keyboard.press('Tab')
  assert.equal(await focused(), 'Purchases as a table')
  assert.notEqual(await ring(), 'none')
  await here.keyboard.press('Enter')
  await here.locator('[data-table=purchases] tbody tr').first().waitFor()
  await here.keyboard.press('Tab')
  await here.keyboard.press('Tab')
  assert.equal(await focused(), 'whole')
  await here.keyboard.press('ArrowDown')
  assert.equal(await focused(), 'ask')
  await room.leave(here)
})

test('what is spoken changes with the state, and not with the figures', async () => {
  const speech = await page.evaluateHandle(() => {
    const spoken = []
    const node = document.querySelector('[role=status]')
    new MutationObserver(() => spoken.push(node.textContent)).observe(node, {
      childList: true,
      characterData: true,
      subtree: true
    })
    return spoken
  })
  const earlier = Number(await textOf(page, 'approved-total'))
  for (let i = 0; i < 3; i++) room.buy()
  await shows(
    page,
    (total) => document.querySelector('[data-field=approved-total]').textContent === total,
    String(earlier + 3)
  )
  assert.deepEqual(await speech.jsonValue(), [])
  await shows(page, () => /approved: now \d/.test(document.querySelector('[data-chart=purchases]').ariaLabel))
})

test('it has room on a phone, and moves nothing for who wants no motion', async () => {
  const small = await room.show({ ...phone, viewport: { width: 360, height: 740 }, reducedMotion: 'reduce' })
  assert.equal(await small.evaluate(() => document.documentElement.scrollWidth), 360)
  assert.equal(await small.evaluate(() => document.getAnimations().length), 0)
  await room.picture(small, 'phone-360')
  await room.leave(small)
})

test('axe finds nothing serious while all is well', async () => {
  for (const [name, options] of Object.entries({ dark: {}, light, phone, 'light-phone': { ...light, ...phone } })) {
    const here = await room.show(options)
    await room.picture(here, name)
    assert.deepEqual(await findings(here), [], name)
    await room.leave(here)
  }
})

test('it complains of nothing, and talks to nobody but the nodes', () => {
  const nodes = [room.url('north'), room.url('south')]
  for (const shown of room.pages) {
    assert.deepEqual(shown.complaints, [])
    assert.deepEqual([...shown.origins].sort(), nodes.sort())
  }
})

test('what it does not understand is not taken for calm', async () => {
  const here = await room.show()
  const hello = { node: 'stranger', started: '', currency: 'SEK', decimals: 2, nodes: [], history: [] }
  const body = `event: hello\ndata: ${JSON.stringify(hello)}\n\nevent: sample\ndata: {}\n\n`
  await here.route('**/events', (route) => route.fulfill({ contentType: 'text/event-stream', body }))
  await here.reload()
  await says(here, '^This page is broken')
  assert.equal(await here.locator('body').getAttribute('data-level'), 'stalled')
  await room.leave(here)
})

test('a Redis that was killed is the first thing it says', async (t) => {
  const begin = performance.now()
  await room.house.killRedis()
  await says(page, '^Redis is away')
  t.diagnostic(`a killed Redis is on the page after ${Math.round(performance.now() - begin)} ms`)
  assert.equal(await page.locator('body').getAttribute('data-level'), 'alarm')
  assert.match(await textOf(page, 'announcement'), /^Redis is away/)
  await room.picture(page, 'redis-away')
  assert.deepEqual(await findings(page), [])
  await room.house.startRedis()
  await says(page, '^All well')
  const event = page.locator('.events li', { hasText: 'Redis is away' }).first()
  assert.match(await event.textContent(), /over after/)
})

test('while PostgreSQL is away it says what waits', async () => {
  // Counters that went with Redis are built anew from PostgreSQL: first.
  room.buy()
  room.house.closeDatabase()
  try {
    await says(page, 'PostgreSQL is away: standing in')
    assert.equal(await page.locator('body').getAttribute('data-level'), 'warning')
    room.buy()
    await shows(page, () => document.querySelector('[data-field=waiting-entries]').textContent === '1')
    assert.equal(await textOf(page, 'waiting-amount'), '1.00')
    assert.equal(await textOf(page, 'stand-in'), 'On')
    const here = await room.show(light)
    await room.picture(here, 'stand-in')
    assert.deepEqual(await findings(here), [])
    await room.leave(here)
  } finally {
    room.house.openDatabase()
  }
  await says(page, '^All well')
  assert.equal(await textOf(page, 'waiting-entries'), '0')
})

test('a node that was killed is away, and the other goes on', async (t) => {
  const begin = performance.now()
  await room.kill('south')
  await says(page, 'south is away')
  t.diagnostic(`a killed node is away on the page after ${Math.round(performance.now() - begin)} ms`)
  const row = page.locator('tr.node', { hasText: 'south' })
  assert.equal(await row.getAttribute('data-state'), 'away')
  const earlier = Number(await textOf(page, 'approved-total'))
  room.buy()
  await shows(
    page,
    (total) => document.querySelector('[data-field=approved-total]').textContent === total,
    String(earlier + 1)
  )
  await room.picture(page, 'node-away')
})

test('when it hears nothing it says so, and comes back by itself', async (t) => {
  room.nodes.north.kill('SIGSTOP')
  const begin = performance.now()
  await says(page, '^No word from')
  t.diagnostic(`a stalled feed is told after ${Math.round(performance.now() - begin)} ms`)
  assert.equal(await page.locator('body').getAttribute('data-level'), 'stalled')
  assert.match(await textOf(page, 'heard'), /^Stalled, last heard \d\d:\d\d:\d\d/)
  assert.match(await textOf(page, 'announcement'), /stalled/)
  await room.picture(page, 'stalled')
  await page.emulateMedia({ colorScheme: 'light' })
  await room.picture(page, 'stalled-light')
  assert.deepEqual(await findings(page), [])
  await room.kill('north')
  await room.start('north')
  await room.start('south')
  await says(page, '^All well')
  assert.equal(await page.locator('tr.node[data-state=live]').count(), 2)
})
