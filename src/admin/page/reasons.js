// What each reason of a refusal and each cause of an upstream error means, and which requests show it.

import { has, t } from './words.js'

/** Reasons that share their words. */
const SAME = {
  bad_key: 'key', no_key: 'key', host: 'door', origin: 'door', no_response: 'not_there', no_media: 'not_there', no_file: 'not_there', not_ready: 'not_there',
  jobs: 'ledger', responses: 'ledger', wrong_kind: 'unfit', thinking: 'unfit', unsupported: 'unfit', no_route: 'path', method: 'path',
  bad_body: 'body', broken_body: 'body', slow_body: 'body', malformed: 'body',
  connect: 'network', connect_timeout: 'network', tls: 'network', idle_timeout: 'slow', first_byte_timeout: 'slow', total_timeout: 'slow', timeout: 'slow',
  closed: 'between', protocol: 'between', redirect: 'between', bad_answer: 'between', stream_error: 'stream', stream_broken: 'stream',
  balance: 'account', identity: 'account', forbidden: 'account', key_invalid: 'account', server: 'busy',
}

/** Statuses by which the ledger has such requests. Those of strangers and of broken heads have no row. */
const STATUS = {
  refused: {
    no_model: '404', endpoint: '403', paid: '403', unpriced: '403', quota: '429', key_limit: '429', budget: '429', never_fits: '400', queue_full: '503', memory: '503',
    ledger: '503', panic: '500', too_large: '413', bad_body: '400', wrong_kind: '400', unsupported: '400', thinking: '400', no_file: '404', no_media: '404', no_response: '404',
  },
  upstream: { rate_limit: '429', busy: '503', server: '502', key_invalid: '502', balance: '503', identity: '503', forbidden: '502', timeout: '504', first_byte_timeout: '504', total_timeout: '504', idle_timeout: '504', model: '404', request: '400', connect: '502', connect_timeout: '504', tls: '502', breaker: '503' },
}

/** `what` it was, what is `todo`, and the `filter` of the requests that had it, if there is one. */
export function advice({ kind, reason }) {
  const words = part => [`${kind}.${reason}.${part}`, `${kind}.${SAME[reason]}.${part}`].find(has)
  const [what, todo] = [words('what'), words('todo')]
  const status = kind === 'upstream' && reason.startsWith('stream') ? null : STATUS[kind]?.[reason]
  const filter = status ? `status=${status}` : reason.startsWith('stream') ? 'outcome=broken' : null
  return { what: t(what ?? 'errors.other.what'), todo: t(todo ?? 'errors.other.todo'), filter }
}
