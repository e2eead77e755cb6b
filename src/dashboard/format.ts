// SPDX-License-Identifier: Apache-2.0
// Numbers as people read them: groups by thin spaces, units by size.

const thin = '\u202f'
export const none = '–'

function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, thin)
}

export function count(value: number): string {
  return grouped(String(Math.round(value)))
}

// A rate below ten may be a fraction: a second is not always exactly one.
export function rate(value: number): string {
  return value > 0 && value < 9.95 && Math.abs(value - Math.round(value)) > 0.05 ? value.toFixed(1) : count(value)
}

export function purchases(number: number): string {
  return `${count(number)} ${number === 1 ? 'purchase' : 'purchases'}`
}

export function milliseconds(value: number | null): string {
  if (value === null) return none
  if (value >= 1000) return grouped(String(Math.round(value)))
  return value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2)
}

export function percent(part: number): string {
  const value = part * 100
  return `${value > 0 && value < 0.95 ? '<1' : Math.round(value)}${thin}%`
}

export function bytes(value: number): string {
  if (value < 1024) return `${value}${thin}B`
  const units = ['KiB', 'MiB', 'GiB']
  let size = value / 1024
  let unit = 0
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit++
  }
  return `${size.toFixed(size < 10 ? 1 : 0)}${thin}${units[unit]}`
}

export function duration(seconds: number): string {
  if (seconds < 100) return `${Math.floor(seconds)}${thin}s`
  if (seconds < 6000) return `${Math.floor(seconds / 60)}${thin}min`
  if (seconds < 172800) return `${Math.floor(seconds / 3600)}${thin}h`
  return `${Math.floor(seconds / 86400)}${thin}days`
}

const clock = new Intl.DateTimeFormat('sv-SE', { hour: '2-digit', minute: '2-digit', second: '2-digit' })

export function timeOfDay(at: number | string): string {
  return clock.format(new Date(at))
}

// Amounts are decimal text and stay exact: counted in minor units, never as a fraction.
export function minorOf(amount: string, decimals: number): bigint {
  const [, sign, whole = '', part = ''] = /^(-?)(\d+)(?:\.(\d*))?$/.exec(amount) ?? ['', '', '0']
  const minor = BigInt(whole + part.padEnd(decimals, '0').slice(0, decimals))
  return sign ? -minor : minor
}

export function amountOf(minor: bigint, decimals: number): string {
  const digits = (minor < 0n ? -minor : minor).toString().padStart(decimals + 1, '0')
  const whole = digits.slice(0, digits.length - decimals)
  return (minor < 0n ? '-' : '') + whole + (decimals > 0 ? `.${digits.slice(-decimals)}` : '')
}

export function amount(text: string | null): string {
  if (text === null) return none
  const [whole = '', part] = text.replace('-', '\u2212').split('.')
  return grouped(whole) + (part === undefined ? '' : `.${part}`)
}

// CREDIT_LIMIT as "Credit limit".
export function words(reason: string): string {
  const text = reason.toLowerCase().replaceAll('_', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}
