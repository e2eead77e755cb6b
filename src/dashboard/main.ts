// SPDX-License-Identifier: Apache-2.0
// The dashboard: what the feeds say, shown as it comes, and once a second when nothing comes.
import { Chart } from './charts'
import { Fleet } from './fleet'
import { rate } from './format'
import { headline, showBroken, showHeadline } from './headline'
import { showBusiest, showDeclines, showEvents, showNear, showNodes } from './lists'
import { busiest, lastDeclines, merge, nearLimit } from './merge'
import {
  chosenStage,
  makeStages,
  showLatency,
  showLoad,
  showMoney,
  showPurchases,
  showReasons,
  showScope
} from './panels'
import { Chronicle, problemsOf } from './status'
import type { Problem } from './status'
import { startThemes } from './themes'
import type { Moment, Sample } from './feed'
import { historySeconds } from './feed'

const tickMs = 500

const charts = [
  new Chart({
    name: 'purchases',
    unit: 'purchases a second',
    format: rate,
    lines: () => [
      { label: 'approved', key: 'approved', width: 2, filled: true, value: (moment) => moment.approved.per_s },
      { label: 'declined', key: 'declined', width: 1.5, dash: [6, 3], value: (moment) => moment.declined.per_s },
      { label: 'failed', key: 'failed', width: 2, dash: [2, 2], value: (moment) => moment.failed.per_s }
    ]
  }),
  new Chart({
    name: 'latency',
    unit: 'milliseconds',
    isLogarithmic: true,
    format: (value) =>
      value >= 1000
        ? `${Number((value / 1000).toPrecision(3))}\u202fs`
        : String(Number(value.toPrecision(value < 1 ? 1 : 3))),
    lines: () => [
      { label: 'p50', key: 'p50', width: 2.5, value: (moment) => moment.latency_ms[chosenStage()].p50 ?? undefined },
      { label: 'p99', key: 'p99', width: 1.25, value: (moment) => moment.latency_ms[chosenStage()].p99 ?? undefined },
      {
        label: 'p99.9',
        key: 'p999',
        width: 1.5,
        dash: [2, 2],
        value: (moment) => moment.latency_ms[chosenStage()].p999 ?? undefined
      }
    ]
  }),
  new Chart({
    name: 'load',
    unit: 'per cent busy',
    most: 100,
    format: (value) => `${Math.round(value)}\u202f%`,
    lines: () => [{ label: 'busy', key: 'busy', width: 2, filled: true, value: (moment) => moment.busy * 100 }]
  })
]

const chronicle = new Chronicle()
const fleet = new Fleet(new URL('events', document.baseURI), () => schedule())
let isScheduled = false
let hasHistory = false
let lasting: Problem[] = []
let recent: (Moment | null)[] = []
let drawnAt = 0

function schedule(): void {
  if (isScheduled) return
  isScheduled = true
  setTimeout(() => {
    isScheduled = false
    showOrOwnUp()
  })
}

// The five minutes before this page was opened are in the first hello.
function chronicleHistory(second: number): void {
  for (let past = second - historySeconds + 1; past < second; past++) {
    const nodes = fleet.nodes(Date.now()).flatMap(({ feed, name }) => {
      const sample = feed.at(past)
      return sample ? [{ name, state: 'live' as const, silenceS: 0, sample }] : []
    })
    const moment = merge(
      nodes.map((node) => node.sample),
      fleet.decimals
    )
    chronicle.take(past, problemsOf(nodes, moment, fleet.decimals, fleet.currency))
  }
  hasHistory = true
}

function show(now: number): void {
  const second = Math.floor(now / 1000)
  const nodes = fleet.nodes(now)
  const samples = nodes.flatMap((node): Sample[] => (node.state === 'live' && node.sample ? [node.sample] : []))
  const moment = merge(samples, fleet.decimals)
  if (fleet.heardAt !== null) {
    if (!hasHistory) chronicleHistory(second)
    lasting = chronicle.take(second, problemsOf(nodes, moment, fleet.decimals, fleet.currency))
  }
  showHeadline(headline(nodes, moment, lasting, fleet.heardAt, now), fleet.heardAt)
  showScope(fleet, nodes)
  showNodes(nodes)
  showEvents(chronicle.events, second)
  const isNew = second !== drawnAt
  if (isNew) recent = fleet.history(second)
  // A stalled page keeps what it heard last, of all nodes.
  const kept = samples.length > 0 ? samples : nodes.flatMap((node) => node.sample ?? [])
  const figures = merge(kept, fleet.decimals)
  if (figures) showFigures(figures, kept, now)
  if (isNew) for (const chart of charts) chart.draw(recent, second)
  drawnAt = second
}

// What can't be shown must not leave the last good state standing: a node of another version may say what is not known here.
function showOrOwnUp(): void {
  try {
    show(Date.now())
  } catch (error) {
    showBroken()
    throw error
  }
}

function showFigures(moment: Moment, samples: Sample[], now: number): void {
  showPurchases(moment)
  showLatency([...recent.slice(0, -1), moment], samples.length)
  showLoad(moment, samples.length)
  showReasons(moment)
  showMoney(moment, fleet.currency, now)
  showBusiest(busiest(samples))
  showNear(nearLimit(samples), fleet.decimals)
  showDeclines(lastDeclines(samples), fleet.currency)
}

function restyle(): void {
  for (const chart of charts) chart.restyle()
  drawnAt = 0
  schedule()
}

makeStages(restyle)
startThemes(restyle)
setInterval(() => {
  fleet.watch(Date.now())
  showOrOwnUp()
}, tickMs)
showOrOwnUp()
