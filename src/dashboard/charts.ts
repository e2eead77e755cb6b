// SPDX-License-Identifier: Apache-2.0
// Charts of the last five minutes. Their colours are those of the keys beside them, so that both change with the theme.
import uPlot from 'uplot'
import { make } from './dom'
import type { Moment } from './feed'
import { historySeconds } from './feed'
import { timeOfDay } from './format'

export interface Line {
  label: string
  key: string // class of its key
  width: number
  dash?: number[]
  filled?: boolean
  // undefined: nothing to tell of in that second. null: nothing was heard in it.
  value: (moment: Moment) => number | undefined
}

export interface ChartOptions {
  name: string
  unit: string
  isLogarithmic?: boolean
  most?: number
  format: (value: number) => string
  lines: () => Line[]
}

const leastHeight = 150
const tableStepS = 15

function colour(key: string): string {
  const node = document.querySelector(`.key.${key}`)
  return node ? getComputedStyle(node).color : '#888'
}

const quiet = () => getComputedStyle(document.querySelector('h2 .quiet') ?? document.body).color
const hairline = () => getComputedStyle(document.querySelector('.panel') ?? document.body).borderTopColor

export class Chart {
  #plot: uPlot | null = null
  #place: HTMLElement
  #table: HTMLTableElement
  #options: ChartOptions
  #tableAt = 0
  #textAt = 0

  constructor(options: ChartOptions) {
    this.#options = options
    this.#place = document.querySelector<HTMLElement>(`[data-chart="${options.name}"]`) as HTMLElement
    this.#table = document.querySelector<HTMLTableElement>(`[data-table="${options.name}"]`) as HTMLTableElement
    this.#table.closest('details')?.addEventListener('toggle', () => (this.#tableAt = 0))
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(this.#place)
  }

  #size() {
    return { width: Math.max(120, this.#place.clientWidth), height: Math.max(leastHeight, this.#place.clientHeight) }
  }

  #make(data: uPlot.AlignedData): uPlot {
    const { isLogarithmic = false, most, format } = this.#options
    const font = `12px ${getComputedStyle(document.body).fontFamily}`
    const axis: uPlot.Axis = { stroke: quiet, font, grid: { stroke: hairline, width: 1 }, ticks: { show: false } }
    return new uPlot(
      {
        ...this.#size(),
        legend: { show: false },
        cursor: { show: false },
        padding: [8, 14, 0, 0],
        scales: {
          x: { time: false, range: (_plot, _least, last) => [last - historySeconds + 1, last] },
          y: isLogarithmic
            ? {
                distr: 3,
                range: (_plot, least, last) => [powerOfTen(least || 0.1, Math.floor), powerOfTen(last || 10, Math.ceil)]
              }
            : { range: (_plot, _least, last) => [0, most ?? Math.max(5, (last || 0) * 1.1)] }
        },
        axes: [
          {
            ...axis,
            size: 24,
            splits: (_plot, _axis, _least, last) => [240, 180, 120, 60, 0].map((ago) => last - ago),
            values: (plot, splits) => splits.map((at) => ago((plot.scales['x']?.max ?? at) - at))
          },
          {
            ...axis,
            size: 46,
            gap: 4,
            space: 28,
            values: (_plot, splits) => splits.map((value) => (value === null ? '' : format(value))),
            ...(isLogarithmic ? { splits: (_plot, _axis, least, last) => powersOfTen(least, last) } : {})
          }
        ],
        series: [
          {},
          ...this.#options.lines().map((line): uPlot.Series => ({
            label: line.label,
            stroke: () => colour(line.key),
            ...(line.filled ? { fill: () => faint(colour(line.key)) } : {}),
            ...(line.dash ? { dash: line.dash } : {}),
            width: line.width,
            points: { show: true, size: 4, fill: () => colour(line.key), filter: lonely }
          }))
        ]
      },
      data,
      this.#place
    )
  }

  // `moments` ends with the second `last`.
  draw(moments: (Moment | null)[], last: number): void {
    const lines = this.#options.lines()
    const columns = lines.map((line) => moments.map((moment) => (moment ? line.value(moment) : null)))
    const seconds = moments.map((_, i) => last - moments.length + 1 + i)
    const data: uPlot.AlignedData = [seconds, ...columns.map((column) => column.map((value) => value ?? null))]
    if (this.#plot) this.#plot.setData(data)
    else this.#plot = this.#make(data)
    if (last - this.#textAt >= tableStepS) {
      this.#textAt = moments.some((moment) => moment) ? last : 0
      this.#place.setAttribute('aria-label', this.#text(lines, columns))
    }
    if (this.#table.closest('details')?.open && last - this.#tableAt >= tableStepS) {
      this.#tableAt = last
      this.#tabulate(lines, columns, seconds)
    }
  }

  // After what its lines mean, or their colours, have changed.
  restyle(): void {
    this.#plot?.redraw(false)
    this.#textAt = 0
    this.#tableAt = 0
  }

  #text(lines: Line[], columns: (number | null | undefined)[][]): string {
    const { unit, format } = this.#options
    const parts = lines.map((line, i) => {
      const values = (columns[i] ?? []).filter((value) => typeof value === 'number')
      const latest = values.at(-1)
      if (latest === undefined) return `${line.label}: none`
      return `${line.label}: now ${format(latest)}, least ${format(Math.min(...values))}, most ${format(Math.max(...values))}`
    })
    return `The last five minutes, ${unit}. ${parts.join('. ')}.`
  }

  #tabulate(lines: Line[], columns: (number | null | undefined)[][], seconds: number[]): void {
    const head = make('tr', '', ...['Time', ...lines.map((line) => line.label)].map((text) => scoped('col', text)))
    const rows = seconds
      .map((second, i) => ({ second, values: columns.map((column) => column[i]) }))
      .filter(({ second }) => second % tableStepS === 0)
      .reverse()
      .map(({ second, values }) =>
        make(
          'tr',
          '',
          scoped('row', timeOfDay(second * 1000)),
          ...values.map((value) => make('td', 'number', this.#cell(value)))
        )
      )
    this.#table.replaceChildren(make('thead', '', head), make('tbody', '', ...rows))
  }

  #cell(value: number | null | undefined): string {
    return value === null ? 'not heard' : value === undefined ? '–' : this.#options.format(value)
  }
}

function scoped(scope: string, text: string): HTMLElement {
  const cell = make('th', scope === 'col' && text !== 'Time' ? 'number' : '', text)
  cell.scope = scope
  return cell
}

// A value with none beside it has no line, and would not be seen.
function lonely(plot: uPlot, series: number): number[] {
  const values = plot.data[series] ?? []
  const has = (i: number) => values[i] !== null && values[i] !== undefined
  return Array.from(values, (_, i) => i).filter((i) => has(i) && !has(i - 1) && !has(i + 1))
}

function powerOfTen(value: number, rounded: (exponent: number) => number): number {
  return 10 ** rounded(Math.log10(value))
}

function powersOfTen(least: number, last: number): number[] {
  const from = Math.round(Math.log10(least))
  const to = Math.round(Math.log10(last))
  return Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i))
}

function ago(seconds: number): string {
  return seconds === 0 ? 'now' : `${Math.round(seconds / 60)} min`
}

function faint(rgb: string): string {
  return rgb.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.16)')
}
