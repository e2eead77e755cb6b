// SPDX-License-Identifier: Apache-2.0
// The panels of figures.
import { field, list, make, setBar, setFields, setText } from './dom'
import type { Latency, Moment, Stage } from './feed'
import { stages } from './feed'
import type { Fleet, NodeView } from './fleet'
import { amount, bytes, count, duration, milliseconds, none, percent, rate, words } from './format'

const stageWords: Record<Stage, string> = {
  whole: 'Whole answer',
  ask: 'Ask',
  count: 'Count in Redis',
  record: 'Record',
  journal: 'Journal',
  answer: 'Answer'
}

export function chosenStage(): Stage {
  return (
    (document.querySelector<HTMLInputElement>('input[name="stage"]:checked')?.value as Stage | undefined) ?? 'whole'
  )
}

export function stageName(stage: Stage): string {
  return stageWords[stage]
}

// Rows of radio buttons: the one chosen is drawn.
export function makeStages(changed: () => void): void {
  for (const stage of stages) {
    const input = make('input')
    input.type = 'radio'
    input.name = 'stage'
    input.value = stage
    input.checked = stage === 'whole'
    const head = make('th', '', make('label', '', input, make('span', '', stageWords[stage])))
    head.scope = 'row'
    const cells = ['p50', 'p99', 'p999'].map((quantile) => {
      const cell = make('td', 'number', none)
      cell.dataset['field'] = `${stage}-${quantile}`
      return cell
    })
    field('stages').append(make('tr', '', head, ...cells))
  }
  field('stages').addEventListener('change', changed)
}

export function showPurchases(moment: Moment): void {
  for (const kind of ['approved', 'declined', 'failed'] as const) {
    setFields(`${kind}-rate`, rate(moment[kind].per_s))
    setFields(`${kind}-total`, count(moment[kind].total))
  }
  field('failed-rate')
    .closest('.figure')
    ?.classList.toggle('bad', moment.failed.per_s > 0)
}

// A second without answers has no latency: then the one before it is told, greyed.
export function showLatency(history: (Moment | null)[], nodeCount: number): void {
  setFields('latency-scope', nodeCount > 1 ? 'milliseconds, of the worst node' : 'milliseconds')
  for (const stage of stages) {
    let latest: Latency | null = null
    let age = 0
    for (let i = history.length - 1; i >= 0 && !latest; i--) {
      const latency = history[i]?.latency_ms[stage]
      if (latency?.p50 != null) latest = latency
      else age++
    }
    for (const quantile of ['p50', 'p99', 'p999'] as const) {
      const cell = field(`${stage}-${quantile}`)
      setText(cell, latest ? milliseconds(latest[quantile]) : none)
      cell.classList.toggle('old', age > 1)
    }
  }
}

interface Meter {
  key: string
  label: string
  value: string
  part: number
}

export function showLoad(moment: Moment, nodeCount: number): void {
  setFields('load-scope', nodeCount > 1 ? 'of all nodes; busy: the worst worker' : '')
  const flight = moment.in_flight
  const of = (key: string, label: string, value: number, capacity: number): Meter => ({
    key,
    label,
    value: `${count(value)} of ${count(capacity)}`,
    part: capacity > 0 ? value / capacity : 0
  })
  const meters: Meter[] = [
    { key: 'busy', label: 'Busy', value: percent(moment.busy), part: moment.busy },
    of('requests', 'In flight', flight.requests, flight.requests_capacity),
    of('waiting', 'Wait for PostgreSQL', flight.postgres_waiting, flight.postgres_waiting_capacity),
    of('connections', 'Connections', flight.connections, flight.connections_capacity)
  ]
  list(
    field('meters'),
    meters,
    (meter) => meter.key,
    (meter) => {
      const key = meter.key === 'busy' ? [make('span', 'key busy')] : []
      const value = make('span', 'value')
      value.dataset['field'] = `${meter.key}-meter`
      return make('div', 'meter', make('dt', '', ...key, meter.label), make('dd', '', value, bar()))
    },
    (row, meter) => {
      setText(row.querySelector('.value') as Element, meter.value)
      showBar(row, meter.part)
    }
  )
}

export function bar(): HTMLElement {
  const node = make('span', 'bar')
  node.setAttribute('aria-hidden', 'true')
  return node
}

export function showBar(row: HTMLElement, part: number | null): void {
  const node = row.querySelector<HTMLElement>('.bar')
  if (!node) return
  setBar(node, part)
  node.classList.toggle('full', (part ?? 0) >= 0.8 && (part ?? 0) < 1)
  node.classList.toggle('over', (part ?? 0) >= 1)
}

export function showReasons(moment: Moment): void {
  const rows = (['declined', 'failed'] as const).flatMap((kind) =>
    Object.entries(moment[kind].reasons).map(([reason, given]) => ({ kind, reason, given }))
  )
  rows.sort((a, b) => b.given.total - a.given.total)
  const most = Math.max(1, ...rows.map((row) => row.given.total))
  list(
    field('reason-rows'),
    rows,
    (row) => `${row.kind} ${row.reason}`,
    ({ kind, reason }) => {
      const head = make('th', '', make('span', `key ${kind}`), words(reason), make('span', 'unseen', ` (${kind})`))
      head.scope = 'row'
      head.title = reason
      const total = make('td', 'number')
      total.dataset['field'] = `reason-${reason}`
      return make('tr', kind, head, make('td', 'number'), total, make('td', 'barred', bar()))
    },
    (row, { given }) => {
      setText(row.children[1] as Element, given.per_s > 0 ? `${rate(given.per_s)}/s` : '')
      setText(row.children[2] as Element, count(given.total))
      showBar(row, given.total / most)
      row.querySelector('.bar')?.classList.remove('full', 'over')
    }
  )
  field('no-reasons').hidden = rows.length > 0
  const faults = moment.faults
  setFields(
    'faults',
    faults.total > 0
      ? `Besides, ${count(faults.total)} requests were answered by a fault, ${rate(faults.per_s)}/s now.`
      : ''
  )
}

const journalWords = {
  none: 'no journal is set up',
  open: 'the journal is ready',
  full: 'the journal takes no more',
  broken: 'the journal is broken'
}

export function showMoney(moment: Moment, currency: string, now: number): void {
  const standIn = moment.stand_in
  setFields('stand-in', standIn.on ? 'On' : 'Off')
  field('stand-in').className = standIn.on ? 'warning' : ''
  setFields(
    'stand-in-detail',
    `${journalWords[standIn.journal]}${standIn.bytes > 0 ? `, ${bytes(standIn.bytes)}` : ''}`
  )
  setFields('waiting-amount', amount(standIn.amount))
  setFields('waiting-entries', count(standIn.entries))
  setFields(
    'waiting-age',
    standIn.entries > 0 ? `the oldest for ${duration(standIn.oldest_s ?? 0)}` : 'nothing is late'
  )
  setFields('drift', amount(moment.audit.drift))
  field('drift').classList.toggle('warning', moment.audit.suspects > 0)
  const sweep = moment.audit.last_sweep
  const suspects = moment.audit.suspects > 0 ? `${count(moment.audit.suspects)} suspected; ` : ''
  setFields(
    'sweep',
    suspects +
      (sweep ? `all compared ${duration(Math.max(0, now - Date.parse(sweep)) / 1000)} ago` : 'not all compared yet')
  )
  setFields('quarantined', count(moment.postgres.quarantined))
  field('quarantined').className = moment.postgres.quarantined > 0 ? 'warning' : ''
  setFields('currency', currency)
}

export function showScope(fleet: Fleet, nodes: NodeView[]): void {
  setFields('scope', nodes.length > 1 ? `${nodes.length} nodes` : (nodes[0]?.feed.hello?.node ?? ''))
  setFields('currency', fleet.currency)
}
