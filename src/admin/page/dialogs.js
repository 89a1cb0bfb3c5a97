// Dialogs: the browser's own, which hold the focus and close with Escape.

import { el, failure } from './dom.js'
import { t } from './words.js'

let count = 0

/** Opens a dialog; it is gone when it is closed, whatever closes it. */
export function dialog(title, content, { kind = '', onClose } = {}) {
  const id = `dialog-${++count}`
  const close = el('button', { type: 'button', class: 'quiet icon', 'aria-label': t('close'), on: { click: () => box.close() } }, '✕')
  const box = el('dialog', { class: kind, 'aria-labelledby': id }, el('div', { class: 'head' }, el('h2', { id }, title), close), content)
  box.addEventListener('close', () => {
    box.remove()
    onClose?.()
  })
  document.body.append(box)
  box.showModal()
  return box
}

/** Asks before `act`, which may fail: then the dialog stays and says so. */
export function confirm(title, text, verb, act, more = null) {
  const fault = el('div', {})
  const go = el('button', { type: 'submit', class: 'bad' }, verb)
  const cancel = el('button', { type: 'button', on: { click: () => box.close() } }, t('cancel'))
  const form = el('form', { class: 'stack', on: { submit: event => submit(event, go, fault, async () => (await act(form), box.close())) } },
    el('p', {}, text), more, fault, el('div', { class: 'buttons' }, cancel, go))
  const box = dialog(title, form, { kind: 'small' })
  cancel.focus()
  return box
}

/** Runs `act` once at a time; what goes wrong is said in `fault`. */
export async function submit(event, button, fault, act) {
  event.preventDefault()
  button.disabled = true
  fault.replaceChildren()
  try {
    await act()
  } catch (error) {
    fault.replaceChildren(failure(error))
    fault.scrollIntoView({ block: 'nearest' })
  } finally {
    button.disabled = false
  }
}

/** Tells something for some seconds. */
export function toast(text) {
  const note = el('p', { class: 'toast' }, text)
  document.getElementById('toasts').append(note)
  setTimeout(() => note.remove(), 5000)
}
