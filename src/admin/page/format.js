// Numbers, money, spans and moments, as the language of the page writes them.

import { language } from './words.js'

const made = new Map()
const formatter = (kind, options) => {
  const name = language() + kind.name + JSON.stringify(options)
  if (!made.has(name)) made.set(name, new kind(language(), options))
  return made.get(name)
}
const numbers = options => formatter(Intl.NumberFormat, options)

/** 12,345 */
export const number = value => numbers({ maximumFractionDigits: 0 }).format(value)

/** 12.3K, from a hundred thousand on. */
export const compact = value => (Math.abs(value) < 100_000 ? number(value) : numbers({ notation: 'compact', maximumFractionDigits: 1 }).format(value))

/** 0.25, 3.1, 120: as many digits as matter. */
export const rate = value => numbers({ maximumFractionDigits: value >= 100 ? 0 : value >= 10 ? 1 : 2 }).format(value)

export const percent = value => numbers({ style: 'percent', maximumFractionDigits: value < 0.1 ? 1 : 0 }).format(value)

/** ¥1.25; small amounts keep their digits. */
export function money(value) {
  const amount = Number(value)
  const digits = amount === 0 || Math.abs(amount) >= 1 ? 2 : Math.abs(amount) >= 0.001 ? 4 : 6
  return numbers({ style: 'currency', currency: 'CNY', currencyDisplay: 'narrowSymbol', minimumFractionDigits: 2, maximumFractionDigits: digits }).format(amount)
}

const unit = (value, name, unitDisplay = 'short', digits = 0) => numbers({ style: 'unit', unit: name, unitDisplay, minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value)

/** 3 days 4 hr; 2.1 sec; 240 ms; `narrow` is 3d 4h. */
export function span(ms, width) {
  if (ms < 1000) return unit(ms, 'millisecond', width)
  if (ms < 60_000) return unit(ms / 1000, 'second', width, ms < 10_000 ? 1 : 0)
  const parts = [['day', 86_400_000], ['hour', 3_600_000], ['minute', 60_000], ['second', 1000]]
  const first = parts.findIndex(([, size]) => ms >= size)
  let rest = ms
  return parts
    .slice(first, first + 2)
    .map(([name, size]) => {
      const count = Math.floor(rest / size)
      rest -= count * size
      return count && unit(count, name, width)
    })
    .filter(Boolean)
    .join(' ')
}

const dates = options => formatter(Intl.DateTimeFormat, options)

/** Local date and time. */
export const moment = value => (value ? dates({ dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(value)) : '')

/** Local date and time without year and seconds. */
export const shortMoment = value => dates({ month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(new Date(value))

export const clock = ms => dates({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(new Date(ms))

/** The day in Shanghai, as the ledger counts: 2026-11-22. */
export const day = (ms = Date.now()) => new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai' }).format(new Date(ms))

/** A day some days away from another. */
export const dayAfter = (text, days) => new Date(Date.parse(`${text}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10)
