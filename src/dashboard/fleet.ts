// SPDX-License-Identifier: Apache-2.0
// All nodes of one page: the one that served it, and those that it names.
import { Feed, historySeconds } from './feed'
import type { FeedState, Moment, Sample } from './feed'
import { merge } from './merge'

export interface NodeView {
  feed: Feed
  name: string
  state: FeedState
  silenceS: number
  sample: Sample | null
}

export class Fleet {
  #own: Feed
  #feeds: Feed[] = []
  #others = new Set<string>()
  #changed: () => void

  constructor(own: URL, changed: () => void) {
    this.#changed = changed
    this.#own = this.#open(own)
  }

  #open(url: URL): Feed {
    const feed = new Feed(url, {
      onHello: (greeting) => this.#meet(greeting),
      onSample: () => this.#changed()
    })
    this.#feeds.push(feed)
    return feed
  }

  #meet(feed: Feed): void {
    if (feed === this.#own) {
      for (const { url } of feed.hello?.nodes ?? []) {
        const events = new URL(`${url.replace(/\/$/, '')}/events`)
        if (events.href === this.#own.url.href || this.#others.has(events.href)) continue
        this.#others.add(events.href)
        this.#open(events)
      }
    }
    this.#dropTwins()
    this.#changed()
  }

  // The node that served the page is among those it names, perhaps under another address: it must not count twice.
  #dropTwins(): void {
    const met = new Set<string>()
    this.#feeds = this.#feeds.filter((feed) => {
      if (!feed.hello) return true
      const who = `${feed.hello.node} ${feed.hello.started}`
      if (met.has(who)) {
        feed.close()
        return false
      }
      met.add(who)
      return true
    })
  }

  watch(now: number): void {
    for (const feed of this.#feeds) feed.watch(now)
  }

  get currency(): string {
    return this.#feeds.find((feed) => feed.hello)?.hello?.currency ?? ''
  }

  get decimals(): number {
    return this.#feeds.find((feed) => feed.hello)?.hello?.decimals ?? 2
  }

  nodes(now: number): NodeView[] {
    return this.#feeds.map((feed) => ({
      feed,
      name: feed.name,
      state: feed.state(now),
      silenceS: feed.silenceS(now),
      sample: feed.sample
    }))
  }

  // The last time any node said anything.
  get heardAt(): number | null {
    const times = this.#feeds.flatMap((feed) => feed.heardAt ?? [])
    return times.length > 0 ? Math.max(...times) : null
  }

  samplesAt(second: number): Sample[] {
    return this.#feeds.flatMap((feed) => feed.at(second) ?? [])
  }

  history(nowSecond: number): (Moment | null)[] {
    return Array.from({ length: historySeconds }, (_, i) =>
      merge(this.samplesAt(nowSecond - historySeconds + 1 + i), this.decimals)
    )
  }
}
