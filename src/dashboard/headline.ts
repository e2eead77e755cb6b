// SPDX-License-Identifier: Apache-2.0
// The state in one line, for those who pass by.
import { field, list, make, setFields, setText } from './dom'
import type { Moment } from './feed'
import type { NodeView } from './fleet'
import { duration, milliseconds, percent, rate, timeOfDay } from './format'
import type { Problem } from './status'

export type PageLevel = 'coming' | 'well' | 'warning' | 'alarm' | 'stalled'

export interface Headline {
  level: PageLevel
  says: string
  pace: string
  detail: string
  others: Problem[]
}

export function headline(
  nodes: NodeView[],
  moment: Moment | null,
  problems: Problem[],
  heardAt: number | null,
  now: number
): Headline {
  const live = nodes.filter((node) => node.state === 'live')
  if (live.length === 0 || moment === null) return unheard(nodes, heardAt, now)
  const perS = rate(moment.approved.per_s)
  const pace = `${perS} ${perS === '1' ? 'purchase' : 'purchases'}/s`
  const [first, ...others] = problems
  if (first) return { level: first.level, says: first.says, pace, detail: first.detail, others }
  const p99 = moment.latency_ms.whole.p99
  const facts = [
    live.length === 1 ? 'one node serves' : `${live.length} nodes serve`,
    p99 === null ? null : `p99 ${milliseconds(p99)} ms`,
    `${percent(moment.busy)} busy`
  ]
  return {
    level: 'well',
    says: 'All well',
    pace,
    detail: facts.filter((fact) => fact !== null).join(' · '),
    others: []
  }
}

function unheard(nodes: NodeView[], heardAt: number | null, now: number): Headline {
  const whom = nodes.length === 1 ? (nodes[0]?.name ?? 'the node') : 'any node'
  if (heardAt === null) {
    if (nodes.some((node) => node.state === 'coming'))
      return { level: 'coming', says: 'Connecting', pace: '', detail: '', others: [] }
    return {
      level: 'stalled',
      says: `No word from ${whom}`,
      pace: '',
      detail: 'It has said nothing since this page was opened. Trying again every second.',
      others: []
    }
  }
  const silence = duration((now - heardAt) / 1000)
  const detail = `The figures below are from ${timeOfDay(heardAt)} and no longer true. Trying again every second.`
  return { level: 'stalled', says: `No word from ${whom} for ${silence}`, pace: '', detail, others: [] }
}

// Names of nodes stay in one piece.
const unbroken = (text: string) => text.replaceAll('-', '\u2011')

export function showHeadline(shown: Headline, heardAt: number | null): void {
  document.body.dataset['level'] = shown.level
  setFields('says', unbroken(shown.says))
  setFields('pace', shown.pace)
  setFields('detail', shown.detail)
  setFields(
    'heard',
    shown.level === 'stalled'
      ? `Stalled${heardAt ? `, last heard ${timeOfDay(heardAt)}` : ''}`
      : heardAt
        ? `Live ${timeOfDay(heardAt)}`
        : 'Connecting'
  )
  const others = field('others')
  others.hidden = shown.others.length === 0
  list(
    others,
    shown.others,
    (problem) => problem.key,
    () => make('li', '', make('strong'), ' ', make('span')),
    (row, problem) => {
      row.className = problem.level
      setText(row.children[0] as Element, problem.says)
      setText(row.children[1] as Element, problem.detail)
    }
  )
  // Only a change of what is wrong is worth speaking of, not each figure and second.
  const spoken = [
    shown.level === 'stalled' ? 'The feed is stalled' : shown.says,
    ...shown.others.map((problem) => problem.says)
  ]
  setFields('announcement', shown.level === 'coming' ? '' : spoken.join('. '))
  document.title = `${shown.level === 'well' ? '' : '! '}${shown.says} – Växel`
}

export function showBroken(): void {
  const detail = 'A node says what this page does not understand. The figures below are old: load the page anew.'
  showHeadline({ level: 'stalled', says: 'This page is broken', pace: '', detail, others: [] }, null)
}
