// SPDX-License-Identifier: Apache-2.0
// Several nodes as one: what adds up is added, of what does not the worst is taken.
import type { Decline, Latency, Moment, Organisation, Quantiles, Rate, Sample, Stage, Tally } from './feed'
import { stages } from './feed'
import { amountOf, minorOf } from './format'

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)

function most(values: (number | null)[]): number | null {
  return values.reduce((worst, value) => (value !== null && (worst === null || value > worst) ? value : worst), null)
}

function addRates(rates: Rate[]): Rate {
  return { total: sum(rates.map((rate) => rate.total)), per_s: sum(rates.map((rate) => rate.per_s)) }
}

function addTallies(tallies: Tally[]): Tally {
  const reasons: Record<string, Rate> = {}
  for (const tally of tallies) {
    for (const [reason, rate] of Object.entries(tally.reasons)) {
      const known = reasons[reason]
      reasons[reason] = known ? addRates([known, rate]) : rate
    }
  }
  return { ...addRates(tallies), reasons }
}

function worstQuantiles(all: Quantiles[]): Quantiles {
  return { p50: most(all.map((one) => one.p50)), p99: most(all.map((one) => one.p99)) }
}

function worstLatency(all: Latency[]): Latency {
  return { ...worstQuantiles(all), count: sum(all.map((one) => one.count)), p999: most(all.map((one) => one.p999)) }
}

// The organisations of several nodes. Ids are masked, so two may look the same; their limits tell most of them apart.
function addOrganisations(lists: Organisation[][]): Organisation[] {
  const merged = new Map<string, Organisation>()
  for (const organisation of lists.flat()) {
    const same = [...merged.values()].find(
      (other) =>
        other.id === organisation.id && (!other.limit || !organisation.limit || other.limit === organisation.limit)
    )
    if (!same) {
      merged.set(`${organisation.id} ${organisation.limit}`, { ...organisation })
      continue
    }
    same.per_s += organisation.per_s
    if ((organisation.used ?? -1) > (same.used ?? -1)) {
      same.spent = organisation.spent
      same.limit = organisation.limit
      same.used = organisation.used
    }
  }
  return [...merged.values()]
}

const shownOrganisations = 10
const shownDeclines = 20

export function busiest(samples: Sample[]): Organisation[] {
  return addOrganisations(samples.map((sample) => sample.organisations?.busiest ?? []))
    .sort((a, b) => b.per_s - a.per_s)
    .slice(0, shownOrganisations)
}

export function nearLimit(samples: Sample[]): Organisation[] {
  return addOrganisations(samples.map((sample) => sample.organisations?.near_limit ?? []))
    .sort((a, b) => (b.used ?? 0) - (a.used ?? 0))
    .slice(0, shownOrganisations)
}

export function lastDeclines(samples: Sample[]): Decline[] {
  return samples
    .flatMap((sample) => sample.declines ?? [])
    .sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0))
    .slice(0, shownDeclines)
}

const journals = ['none', 'open', 'full', 'broken'] as const

// Null: there is nothing to add up.
export function merge(samples: Sample[], decimals: number): Moment | null {
  if (samples.length === 0) return null
  const pick = <Value>(part: (sample: Sample) => Value) => samples.map(part)
  const flights = pick((sample) => sample.in_flight)
  const standIns = pick((sample) => sample.stand_in)
  const drifts = pick((sample) => minorOf(sample.audit.drift, decimals))
  const size = (value: bigint) => (value < 0n ? -value : value)
  return {
    approved: addRates(pick((sample) => sample.approved)),
    declined: addTallies(pick((sample) => sample.declined)),
    failed: addTallies(pick((sample) => sample.failed)),
    faults: addTallies(pick((sample) => sample.faults)),
    latency_ms: Object.fromEntries(
      stages.map((stage) => [stage, worstLatency(pick((sample) => sample.latency_ms[stage]))])
    ) as Record<Stage, Latency>,
    in_flight: {
      requests: sum(flights.map((flight) => flight.requests)),
      requests_capacity: sum(flights.map((flight) => flight.requests_capacity)),
      connections: sum(flights.map((flight) => flight.connections)),
      connections_capacity: sum(flights.map((flight) => flight.connections_capacity)),
      postgres_waiting: sum(flights.map((flight) => flight.postgres_waiting)),
      postgres_waiting_capacity: sum(flights.map((flight) => flight.postgres_waiting_capacity))
    },
    busy: Math.max(...pick((sample) => sample.busy)),
    redis: {
      up: samples.every((sample) => sample.redis.up),
      round_trip_ms: worstQuantiles(pick((sample) => sample.redis.round_trip_ms)),
      losses: sum(pick((sample) => sample.redis.losses)),
      rebuilds: sum(pick((sample) => sample.redis.rebuilds))
    },
    postgres: {
      up: samples.every((sample) => sample.postgres.up),
      transaction_ms: worstQuantiles(pick((sample) => sample.postgres.transaction_ms)),
      losses: sum(pick((sample) => sample.postgres.losses)),
      quarantined: sum(pick((sample) => sample.postgres.quarantined))
    },
    stand_in: {
      on: standIns.some((standIn) => standIn.on),
      journal: journals[Math.max(...standIns.map((standIn) => journals.indexOf(standIn.journal)))] ?? 'none',
      entries: sum(standIns.map((standIn) => standIn.entries)),
      bytes: sum(standIns.map((standIn) => standIn.bytes)),
      amount: amountOf(
        standIns.reduce((total, standIn) => total + minorOf(standIn.amount, decimals), 0n),
        decimals
      ),
      oldest_s: most(standIns.map((standIn) => standIn.oldest_s))
    },
    // Each node audits all organisations by itself: the same difference is seen by all of them.
    audit: {
      drift: amountOf(
        drifts.reduce((worst, drift) => (size(drift) > size(worst) ? drift : worst), 0n),
        decimals
      ),
      suspects: Math.max(...pick((sample) => sample.audit.suspects)),
      last_sweep: pick((sample) => sample.audit.last_sweep).reduce(
        (latest, sweep) => (sweep && (!latest || sweep > latest) ? sweep : latest),
        null
      )
    },
    directory: {
      organisations: most(pick((sample) => sample.directory.organisations)),
      travellers: most(pick((sample) => sample.directory.travellers)),
      lag_s: most(pick((sample) => sample.directory.lag_s))
    }
  }
}
