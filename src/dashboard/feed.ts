// SPDX-License-Identifier: Apache-2.0
// One node's feed (docs/feed.md): what it says, and whether it says anything.

export interface Rate {
  total: number
  per_s: number
}

export interface Tally extends Rate {
  reasons: Record<string, Rate>
}

export interface Quantiles {
  p50: number | null
  p99: number | null
}

export interface Latency extends Quantiles {
  count: number
  p999: number | null
}

export const stages = ['whole', 'ask', 'count', 'record', 'journal', 'answer'] as const
export type Stage = (typeof stages)[number]

export interface InFlight {
  requests: number
  requests_capacity: number
  connections: number
  connections_capacity: number
  postgres_waiting: number
  postgres_waiting_capacity: number
}

export type Journal = 'none' | 'open' | 'full' | 'broken'

export interface Organisation {
  id: string
  per_s: number
  spent: string | null
  limit: string | null
  used: number | null
}

export interface Decline {
  at: string
  reason: string
  explanation: string
  organisation: string | null
  credential: string | null
  amount: string
  product: string | null
  channel: string | null
  client: string | null
  request: string
}

// What is true of one second.
export interface Moment {
  approved: Rate
  declined: Tally
  failed: Tally
  faults: Tally
  latency_ms: Record<Stage, Latency>
  in_flight: InFlight
  busy: number
  redis: { up: boolean; round_trip_ms: Quantiles; losses: number; rebuilds: number }
  postgres: { up: boolean; transaction_ms: Quantiles; losses: number; quarantined: number }
  stand_in: { on: boolean; journal: Journal; entries: number; bytes: number; amount: string; oldest_s: number | null }
  audit: { drift: string; suspects: number; last_sweep: string | null }
  directory: { organisations: number | null; travellers: number | null; lag_s: number | null }
}

export interface Sample extends Moment {
  at: string
  sequence: number
  span_s: number
  ready: boolean
  missing: string[]
  warnings: string[]
  draining: boolean
  organisations?: { busiest: Organisation[]; near_limit: Organisation[] }
  declines?: Decline[]
}

export interface Hello {
  node: string
  version: string
  started: string
  currency: string
  decimals: number
  nodes: { url: string }[]
  history: Sample[]
}

// live: it speaks. silent: connected, but nothing for 3 s. away: not connected for as long. coming: never heard yet.
export type FeedState = 'coming' | 'live' | 'silent' | 'away'

export const historySeconds = 300
const silentAfterMs = 3000
const againAfterMs = 1000
const reopenAfterMs = 8000

export interface FeedListener {
  onHello(feed: Feed): void
  onSample(feed: Feed): void
}

export class Feed {
  hello: Hello | null = null
  sample: Sample | null = null
  heardAt: number | null = null
  #samples = new Map<number, Sample>()
  #source: EventSource | null = null
  #openedAt = Date.now()
  #again = 0

  constructor(
    readonly url: URL,
    readonly listener: FeedListener
  ) {
    this.#open()
  }

  get name(): string {
    return this.hello?.node ?? this.url.host
  }

  // The browser's own reconnecting gives up on some errors, and waits as long as it likes.
  #open(): void {
    this.#source?.close()
    this.#openedAt = Date.now()
    const source = new EventSource(this.url)
    this.#source = source
    source.addEventListener('hello', (event) => this.#greet(JSON.parse(event.data) as Hello))
    source.addEventListener('sample', (event) => this.#hear(JSON.parse(event.data) as Sample))
    source.addEventListener('error', () => {
      if (source !== this.#source) return
      source.close()
      this.#source = null
      this.#again = window.setTimeout(() => this.#open(), againAfterMs)
    })
  }

  close(): void {
    window.clearTimeout(this.#again)
    this.#source?.close()
    this.#source = null
  }

  #greet(hello: Hello): void {
    this.heardAt = Date.now()
    this.hello = hello
    const latest = hello.history.at(-1)
    if (latest) {
      // A node's clock may differ from this page's: only the spacing of its times is used.
      const ahead = Date.parse(latest.at) - this.heardAt
      for (const sample of hello.history) this.#keep(Date.parse(sample.at) - ahead, sample)
      this.sample ??= latest
    }
    this.listener.onHello(this)
  }

  #hear(sample: Sample): void {
    this.heardAt = Date.now()
    this.sample = sample
    this.#keep(this.heardAt, sample)
    this.listener.onSample(this)
  }

  #keep(atMs: number, sample: Sample): void {
    const second = Math.floor(atMs / 1000)
    this.#samples.set(second, sample)
    for (const old of this.#samples.keys()) if (old < second - historySeconds) this.#samples.delete(old)
  }

  // Samples come about a second apart, so a second may have none, and the next two.
  at(second: number): Sample | null {
    return this.#samples.get(second) ?? this.#samples.get(second - 1) ?? null
  }

  silenceS(now: number): number {
    return (now - (this.heardAt ?? this.#openedAt)) / 1000
  }

  state(now: number): FeedState {
    const silenceMs = this.silenceS(now) * 1000
    if (silenceMs < silentAfterMs) return this.heardAt === null ? 'coming' : 'live'
    return this.#source?.readyState === EventSource.OPEN ? 'silent' : 'away'
  }

  // A connection can be dead without either end having been told.
  watch(now: number): void {
    if (this.#source && now - Math.max(this.heardAt ?? 0, this.#openedAt) > reopenAfterMs) this.#open()
  }
}
