// Asks the gateway that this page came from, and nobody else. The operator's token lives in this tab only.

const STORE = 'flowgate.token'
/** Longest that an answer may take (ms). */
const PATIENCE = 10_000

const listeners = new Set()
let memory = null

function stored() {
  try {
    return sessionStorage.getItem(STORE)
  } catch {
    return memory
  }
}

export const token = () => stored() ?? memory

/** Keeps `value` for this tab, or forgets it; who listens is told, with why. */
export function setToken(value, why) {
  memory = value
  try {
    if (value) sessionStorage.setItem(STORE, value)
    else sessionStorage.removeItem(STORE)
  } catch {
    // Memory does until the page is closed.
  }
  listeners.forEach(listener => listener(why))
}

export const onToken = listener => listeners.add(listener)

/** Takes `#token=…` out of the address bar and its history, if it is there. */
export function takeToken() {
  const found = /^#token=([^&]+)/.exec(location.hash)
  if (!found) return
  history.replaceState(null, '', `${location.pathname}${location.search}#overview`)
  setToken(decodeURIComponent(found[1]))
}

/** An answer that is an error, or none at all (`status` 0). */
export class Failure extends Error {
  constructor(status, error, fallback) {
    super(error?.message ?? fallback)
    this.status = status
    this.code = error?.code ?? null
    this.faults = error?.faults ?? []
  }
}

async function ask(method, path, body, headers) {
  const options = { method, headers, body, cache: 'no-store', credentials: 'omit', redirect: 'error', signal: AbortSignal.timeout(PATIENCE) }
  try {
    const answer = await fetch(path, options)
    return { answer, text: await answer.text() }
  } catch (error) {
    throw new Failure(0, null, error.message)
  }
}

function parsed(answer, text) {
  try {
    return JSON.parse(text)
  } catch {
    throw new Failure(answer.status, null, `${answer.status}: ${text.slice(0, 200)}`)
  }
}

function checked(answer, text, used) {
  if (answer.ok) return
  const failure = new Failure(answer.status, parsed(answer, text).error, answer.statusText)
  if (used && used === token() && failure.status === 401) setToken(null, failure.message)
  throw failure
}

/** What is open to everybody: `live`, `limits`. */
export async function open(path) {
  const { answer, text } = await ask('GET', path)
  checked(answer, text)
  return parsed(answer, text)
}

async function behindToken(method, path, fields, used = token()) {
  const headers = { authorization: `Bearer ${used}` }
  if (fields) headers['content-type'] = 'application/json'
  const got = await ask(method, `api/${path}`, fields && JSON.stringify(fields), headers)
  checked(got.answer, got.text, used)
  return got
}

/** What needs the token. */
export async function call(method, path, fields) {
  const { answer, text } = await behindToken(method, path, fields)
  return parsed(answer, text)
}

/** The same as text, such as CSV. */
export const download = async path => (await behindToken('GET', path)).text

/** Whether `value` is the token; fails with what the gateway says if not. */
export async function tryToken(value) {
  await behindToken('GET', 'openapi.json', undefined, value)
}

export const name = text => encodeURIComponent(text)
export const query = pairs => new URLSearchParams(pairs.filter(([, value]) => value !== '' && value !== null && value !== undefined)).toString()
