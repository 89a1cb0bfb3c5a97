// Which language the page speaks, and its words.

import { en } from './words-en.js'
import { zh } from './words-zh.js'

const TABLES = { en, zh }
export const LANGUAGES = [['en', 'English'], ['zh', '中文']]

const remembered = () => {
  try {
    return localStorage.getItem('flowgate.language')
  } catch {
    return null
  }
}
const preferred = () => (navigator.languages ?? [navigator.language]).map(name => name.slice(0, 2)).find(name => name in TABLES)
let current = [remembered(), preferred(), 'en'].find(name => name in TABLES)

export const language = () => current

/** Speaks `name` from now on, also next time. */
export function speak(name) {
  current = name
  try {
    localStorage.setItem('flowgate.language', name)
  } catch {
    // Then only until the page is closed.
  }
}

/** The words for `key`, with `{names}` replaced by `values`. */
export function t(key, values = {}) {
  const words = TABLES[current][key] ?? en[key] ?? key
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '')
}

/** Whether there are words for `key`. */
export const has = key => key in en

/** Puts words into everything that says which by `data-t`. */
export function translate(root) {
  for (const node of root.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t)
}
