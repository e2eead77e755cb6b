// SPDX-License-Identifier: Apache-2.0
// Nodes, organisations, declines and what happened lately.
import { field, list, make, setText } from './dom'
import type { Decline, Organisation, Sample } from './feed'
import type { NodeView } from './fleet'
import {
  amount,
  amountOf,
  count,
  duration,
  milliseconds,
  minorOf,
  none,
  percent,
  rate,
  timeOfDay,
  words
} from './format'
import { bar, showBar } from './panels'
import type { Event } from './status'

type Mark = 'well' | 'warning' | 'alarm' | 'gone'

function stateOf({ state, silenceS, sample }: NodeView): [Mark, string] {
  if (state === 'coming') return ['gone', 'Connecting']
  if (state === 'away') return ['gone', `Away for ${duration(silenceS)}`]
  if (state === 'silent') return ['gone', `Stalled for ${duration(silenceS)}`]
  if (sample?.draining) return ['warning', 'Drains']
  if (sample && !sample.ready) return ['alarm', 'Not ready']
  return sample?.stand_in.on ? ['warning', 'Stands in'] : ['well', 'Serves']
}

const roundTrip = (p99: number | null) => (p99 === null ? 'up' : `up, p99 ${milliseconds(p99)}\u202fms`)

function standInOf({ stand_in: standIn }: Sample): string {
  if (standIn.on || standIn.entries > 0) return `${standIn.on ? 'on' : 'drains'}, ${count(standIn.entries)} wait`
  return { none: 'no journal', open: 'off', full: 'off, full', broken: 'broken' }[standIn.journal]
}

// Text and mark of each cell after the first.
function cellsOf(node: NodeView): [string, Mark?][] {
  const sample = node.sample
  const [mark, state] = stateOf(node)
  if (!sample) return [[state, mark], ...Array.from({ length: 11 }, (): [string] => [none])]
  return [
    [state, mark],
    [rate(sample.approved.per_s)],
    [rate(sample.declined.per_s)],
    sample.failed.per_s > 0 ? [rate(sample.failed.per_s), 'alarm'] : [rate(sample.failed.per_s)],
    [milliseconds(sample.latency_ms.whole.p99)],
    [percent(sample.busy)],
    [count(sample.in_flight.requests)],
    sample.redis.up ? [roundTrip(sample.redis.round_trip_ms.p99)] : ['away', 'alarm'],
    sample.postgres.up ? [roundTrip(sample.postgres.transaction_ms.p99)] : ['away', 'alarm'],
    sample.stand_in.on || sample.stand_in.journal === 'broken' ? [standInOf(sample), 'warning'] : [standInOf(sample)],
    [sample.directory.lag_s === null ? none : `${sample.directory.lag_s.toFixed(1)}\u202fs old`],
    [node.feed.hello?.version ?? none]
  ]
}

// By name; the words stand before a value where a narrow page has no room for the table's head.
const nodeColumns = {
  state: 'State',
  approved: 'Approved/s',
  declined: 'Declined/s',
  failed: 'Failed/s',
  p99: 'p99 ms',
  busy: 'Busy',
  requests: 'In flight',
  redis: 'Redis',
  postgres: 'PostgreSQL',
  'stand-in': 'Stand-in',
  directory: 'Directory',
  version: 'Version'
}
const numberColumns = new Set(['approved', 'declined', 'failed', 'p99', 'busy', 'requests', 'directory'])

export function showNodes(nodes: NodeView[]): void {
  list(
    field('node-rows'),
    nodes,
    (node) => node.feed.url.href,
    () => {
      const head = make('th', '', make('strong'), make('small'))
      head.scope = 'row'
      const cells = Object.entries(nodeColumns).map(([column, label]) => {
        const cell = make('td', numberColumns.has(column) ? 'number' : '', make('span'))
        cell.dataset['column'] = column
        cell.dataset['label'] = label
        return cell
      })
      return make('tr', 'node', head, ...cells)
    },
    (row, node) => {
      row.classList.toggle('stale', node.state !== 'live')
      row.dataset['state'] = node.state
      setText(row.querySelector('strong') as Element, node.name)
      const notes = node.state === 'live' && node.sample ? [...node.sample.missing, ...node.sample.warnings] : []
      setText(row.querySelector('small') as Element, notes.join('; '))
      cellsOf(node).forEach(([text, mark], i) => {
        const span = row.children[i + 1]?.firstElementChild as HTMLElement
        setText(span, text)
        span.className = mark ? `mark ${mark}` : ''
      })
    }
  )
}

interface Shown {
  key: string
  id: string
  second: string
  third: string
  used: number | null
}

function showOrganisations(name: string, rows: Shown[]): void {
  list(
    field(`${name}-rows`),
    rows,
    (shown) => shown.key,
    () => {
      const head = make('th', 'id')
      head.scope = 'row'
      return make('tr', '', head, make('td', 'number'), make('td', 'number used', make('span'), bar()))
    },
    (row, shown) => {
      setText(row.children[0] as Element, shown.id)
      setText(row.children[1] as Element, shown.second)
      setText(row.querySelector('span') as Element, shown.third)
      showBar(row, shown.used)
    }
  )
  field(`no-${name}`).hidden = rows.length > 0
}

// Rows keep their places, and only their content moves: the order changes every second.
export function showBusiest(organisations: Organisation[]): void {
  const rows = organisations.map((one, i) => ({
    key: String(i),
    id: one.id,
    second: rate(one.per_s),
    third:
      one.spent === null ? none : one.used === null ? amount(one.spent) : `${amount(one.spent)} (${percent(one.used)})`,
    used: one.used
  }))
  showOrganisations('busiest', rows)
}

export function showNear(organisations: Organisation[], decimals: number): void {
  const rows = organisations.map((one, i) => ({
    key: String(i),
    id: one.id,
    second: left(one, decimals),
    third: one.used === null ? none : percent(one.used),
    used: one.used
  }))
  showOrganisations('near', rows)
}

function left({ spent, limit }: Organisation, decimals: number): string {
  if (spent === null || limit === null) return none
  return amount(amountOf(minorOf(limit, decimals) - minorOf(spent, decimals), decimals))
}

// Where the page is not served over TLS or from loopback there is no clipboard but by a selection.
async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    const area = make('textarea', 'unseen')
    area.value = text
    document.body.append(area)
    area.select()
    document.execCommand('copy')
    area.remove()
  }
}

const copiedForMs = 1500

function copyButton(request: string): HTMLElement {
  const button = make('button', 'copy', 'Copy')
  button.type = 'button'
  button.setAttribute('aria-label', `Copy request ${request}`)
  button.addEventListener('click', async () => {
    await copy(request)
    button.textContent = 'Copied'
    button.focus()
    setText(field('notice'), 'Copied')
    window.setTimeout(() => {
      button.textContent = 'Copy'
      setText(field('notice'), '')
    }, copiedForMs)
  })
  return button
}

export function showDeclines(declines: Decline[], currency: string): void {
  list(
    field('decline-rows'),
    declines,
    (decline) => `${decline.request} ${decline.at}`,
    (decline) => {
      const facts = [decline.product, decline.channel, decline.client].filter((fact) => fact)
      const ids = [
        decline.organisation && `organisation ${decline.organisation}`,
        decline.credential && `credential ${decline.credential}`
      ]
      const time = make('time', '', timeOfDay(decline.at))
      time.dateTime = decline.at
      return make(
        'li',
        '',
        time,
        make('strong', 'reason', words(decline.reason)),
        make('span', 'price', `${amount(decline.amount)} ${currency}`),
        make('p', 'why', decline.explanation),
        make('span', 'who', [...ids, ...facts].filter((fact) => fact).join(' · ')),
        make('span', 'request', make('code', '', decline.request), copyButton(decline.request))
      )
    },
    () => {}
  )
  field('no-declines').hidden = declines.length > 0
}

const shownEvents = 12

export function showEvents(events: Event[], nowSecond: number): void {
  list(
    field('event-rows'),
    events.slice(0, shownEvents),
    (event) => `${event.key} ${event.from}`,
    () => make('li', '', make('time'), make('strong'), make('span')),
    (row, event) => {
      row.className = event.until === null ? event.level : 'over'
      setText(row.children[0] as Element, timeOfDay(event.from * 1000))
      setText(row.children[1] as Element, event.says)
      const lasted = duration((event.until ?? nowSecond) - event.from)
      setText(row.children[2] as Element, event.until === null ? `for ${lasted} now` : `over after ${lasted}`)
    }
  )
  field('no-events').hidden = events.length > 0
}
