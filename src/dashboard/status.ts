// SPDX-License-Identifier: Apache-2.0
// What is wrong, worst first. The page's large line says the first of it.
import type { FeedState, Moment, Sample } from './feed'
import { amount, count, duration, milliseconds, minorOf, percent, purchases, rate, words } from './format'

export type Level = 'alarm' | 'warning'

export interface Problem {
  key: string // the same for as long as it lasts
  level: Level
  says: string // at five metres, and aloud: it has no figures that change every second
  detail: string
}

// A node as far as its health goes, in this second or in an earlier one.
export interface Health {
  name: string
  state: FeedState
  silenceS: number
  sample: Sample | null
}

const busyFrom = 0.9
const fullFrom = 0.8
const slowFromMs = 500
const lateFromS = 10

const some = (names: string[], all: number) => (names.length === all ? '' : ` for ${names.join(', ')}`)

function failing(moment: Moment): Problem[] {
  if (moment.failed.per_s === 0) return []
  const asked = moment.approved.per_s + moment.declined.per_s + moment.failed.per_s
  const worst = Object.entries(moment.failed.reasons).sort((a, b) => b[1].per_s - a[1].per_s)[0]
  return [
    {
      key: 'failing',
      level: moment.failed.per_s > asked / 100 ? 'alarm' : 'warning',
      says: 'Purchases fail',
      detail: `${rate(moment.failed.per_s)} a second${worst ? `, most as ${words(worst[0]).toLowerCase()}` : ''}`
    }
  ]
}

function absent(nodes: Health[]): Problem[] {
  return nodes
    .filter((node) => node.state === 'silent' || node.state === 'away')
    .map((node) => ({
      key: `absent ${node.name}`,
      level: 'alarm' as const,
      says: node.state === 'away' ? `${node.name} is away` : `${node.name} says nothing`,
      detail: `for ${duration(node.silenceS)}; its figures are left out`
    }))
}

function services(live: (Health & { sample: Sample })[], moment: Moment, currency: string): Problem[] {
  const problems: Problem[] = []
  const lacking = (part: 'redis' | 'postgres') => live.filter((node) => !node.sample[part].up)
  const noRedis = lacking('redis').map((node) => node.name)
  if (noRedis.length > 0) {
    const says = `Redis is away${some(noRedis, live.length)}`
    problems.push({ key: 'redis', level: 'alarm', says, detail: 'nothing can be counted: purchases wait, then fail' })
  }
  const waiting = moment.stand_in
  const waits = `${purchases(waiting.entries)} of ${amount(waiting.amount)} ${currency} to be recorded, the oldest for ${duration(waiting.oldest_s ?? 0)}`
  const helpless = lacking('postgres').filter((node) => node.sample.stand_in.journal !== 'open')
  const noPostgres = lacking('postgres').map((node) => node.name)
  if (helpless.length > 0) {
    const says = `PostgreSQL is away${some(noPostgres, live.length)}`
    problems.push({ key: 'postgres', level: 'alarm', says, detail: 'and no journal takes purchases in its place' })
  } else if (noPostgres.length > 0) {
    const says = `PostgreSQL is away${some(noPostgres, live.length)}: standing in`
    problems.push({ key: 'postgres', level: 'warning', says, detail: waits })
  } else if (waiting.on) {
    problems.push({ key: 'slow postgres', level: 'warning', says: 'PostgreSQL is slow: standing in', detail: waits })
  } else if (waiting.entries > 0) {
    problems.push({ key: 'draining journal', level: 'warning', says: 'The journal drains', detail: waits })
  }
  for (const node of live.filter((one) => one.sample.stand_in.journal === 'broken')) {
    const detail = 'it vouches for nothing until the node starts anew'
    problems.push({
      key: `journal ${node.name}`,
      level: 'alarm',
      says: `The journal of ${node.name} is broken`,
      detail
    })
  }
  return problems
}

function readiness(live: (Health & { sample: Sample })[]): Problem[] {
  return live.flatMap(({ name, sample }): Problem[] => {
    if (sample.draining)
      return [
        { key: `drains ${name}`, level: 'warning', says: `${name} drains`, detail: 'it takes no new connections' }
      ]
    if (sample.ready) return []
    const told = !sample.redis.up || !sample.postgres.up
    return told
      ? []
      : [{ key: `unready ${name}`, level: 'alarm', says: `${name} is not ready`, detail: sample.missing.join('; ') }]
  })
}

function load(moment: Moment): Problem[] {
  const problems: Problem[] = []
  const full = (key: string, what: string, part: number, capacity: number) => {
    if (capacity === 0 || part / capacity < fullFrom) return
    const detail = `${count(part)} of ${count(capacity)}`
    problems.push({ key: `full ${key}`, level: 'warning', says: `Nearly full: ${what}`, detail })
  }
  const flight = moment.in_flight
  if (moment.busy >= busyFrom) {
    const detail = `${percent(moment.busy)} of its time; what is over its capacity is answered BUSY`
    problems.push({ key: 'busy', level: 'warning', says: 'A worker is never idle', detail })
  }
  full('requests', 'requests in flight', flight.requests, flight.requests_capacity)
  full('connections', 'connections', flight.connections, flight.connections_capacity)
  full('waiting', 'the queue for PostgreSQL', flight.postgres_waiting, flight.postgres_waiting_capacity)
  const p99 = moment.latency_ms.whole.p99
  if (p99 !== null && p99 >= slowFromMs) {
    problems.push({ key: 'slow', level: 'warning', says: 'Answers are slow', detail: `p99 ${milliseconds(p99)} ms` })
  }
  return problems
}

function books(moment: Moment, decimals: number, currency: string): Problem[] {
  const problems: Problem[] = []
  const { audit, postgres, directory } = moment
  if (postgres.quarantined > 0) {
    const says = `${count(postgres.quarantined)} rows in quarantine`
    problems.push({
      key: 'quarantine',
      level: 'warning',
      says,
      detail: 'PostgreSQL would not take them; each needs a person'
    })
  }
  if (audit.suspects > 0 && minorOf(audit.drift, decimals) !== 0n) {
    const says = 'Counters differ from the records'
    problems.push({
      key: 'drift',
      level: 'warning',
      says,
      detail: `by ${amount(audit.drift)} ${currency}, in ${count(audit.suspects)} organisations’ months`
    })
  }
  if (directory.lag_s !== null && directory.lag_s >= lateFromS) {
    const detail = `it was last compared ${duration(directory.lag_s)} ago`
    problems.push({ key: 'directory', level: 'warning', says: 'The directory is old', detail })
  }
  return problems
}

// Drift is what a purchase in flight looks like for a moment, so it is a problem only when it lasts.
const lastingS: Record<string, number> = { drift: 30, busy: 3, slow: 3 }

export function problemsOf(nodes: Health[], moment: Moment | null, decimals: number, currency: string): Problem[] {
  const live = nodes.filter(
    (node): node is Health & { sample: Sample } => node.state === 'live' && node.sample !== null
  )
  if (live.length === 0 || moment === null) return absent(nodes)
  const all = [
    ...services(live, moment, currency),
    ...absent(nodes),
    ...readiness(live),
    ...failing(moment),
    ...load(moment),
    ...books(moment, decimals, currency)
  ]
  const told = all.flatMap(({ key }) => (key === 'redis' ? 'Redis' : key.endsWith('postgres') ? 'PostgreSQL' : []))
  for (const node of live) {
    for (const warning of node.sample.warnings) {
      if (told.some((word) => warning.includes(word))) continue
      all.push({
        key: `warning ${node.name} ${warning}`,
        level: 'warning',
        says: `${node.name} warns`,
        detail: warning
      })
    }
  }
  return [...all.filter((one) => one.level === 'alarm'), ...all.filter((one) => one.level === 'warning')]
}

export interface Event extends Problem {
  from: number // seconds
  until: number | null
}

const keptEvents = 50

// Which problems began and ended when.
export class Chronicle {
  events: Event[] = [] // newest first
  #since = new Map<string, number>()

  // Of a second, its problems; answers with those that have lasted long enough to be told.
  take(second: number, problems: Problem[]): Problem[] {
    const keys = new Set(problems.map((problem) => problem.key))
    for (const key of this.#since.keys()) if (!keys.has(key)) this.#since.delete(key)
    const told = problems.filter((problem) => {
      const since = this.#since.get(problem.key) ?? second
      this.#since.set(problem.key, since)
      return second - since >= (lastingS[problem.key] ?? 0)
    })
    for (const event of this.events) {
      if (event.until === null && !told.some((problem) => problem.key === event.key)) event.until = second
    }
    for (const problem of told) {
      const running = this.events.find((event) => event.until === null && event.key === problem.key)
      if (running) Object.assign(running, problem)
      else this.events.unshift({ ...problem, from: this.#since.get(problem.key) ?? second, until: null })
    }
    this.events.length = Math.min(this.events.length, keptEvents)
    return told
  }
}
