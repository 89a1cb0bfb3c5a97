// Elements without markup: whatever comes from elsewhere becomes text, never HTML.

/** An element. `props`: `class`, `on` (listeners), `data`, properties of the element, or attributes. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) set(node, name, value)
  node.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false))
  return node
}

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return
  if (name === 'class') node.className = value
  else if (name === 'on') Object.entries(value).forEach(([event, listener]) => node.addEventListener(event, listener))
  else if (name === 'data') Object.assign(node.dataset, value)
  else if (name in node && !name.startsWith('aria') && name !== 'list' && name !== 'form') node[name] = value
  else node.setAttribute(name, value === true ? '' : value)
}

/** Sets text only where it is another one, so that nothing is drawn or read out for nothing. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text
  return node
}

/** Makes the children of `parent` those of `items`, in their order, keeping the nodes of items that stay. */
export function sync(parent, items, key, make, update = () => {}) {
  const before = new Map([...parent.children].map(child => [child.dataset.key, child]))
  const after = items.map(item => {
    const name = String(key(item))
    const node = before.get(name) ?? make(item)
    before.delete(name)
    node.dataset.key = name
    update(node, item)
    return node
  })
  before.forEach(node => node.remove())
  after.forEach((node, index) => parent.children[index] !== node && parent.insertBefore(node, parent.children[index] ?? null))
}

/** A table in a box that scrolls sideways. `columns`: `[text, class]`. */
export function table(label, columns, ...rows) {
  const head = el('thead', {}, el('tr', {}, columns.map(([text, kind]) => el('th', { class: kind, scope: 'col' }, text))))
  const body = el('tbody', {}, rows)
  const box = el('div', { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': label }, el('table', {}, head, body))
  return { box, body }
}

/** Cells of a row, filled by `say` later. */
export const cells = kinds => kinds.map(kind => el('td', { class: kind }))

/** A block with a heading. */
export const card = (title, ...children) => el('section', { class: 'card' }, el('h2', {}, title), children)

/** What stands where nothing is: what it is, and what to do. */
export const empty = (title, hint) => el('div', { class: 'empty' }, el('p', { class: 'lead' }, title), hint && el('p', {}, hint))

/** Something that went wrong, with what the server said. */
export const failure = error =>
  el('div', { class: 'fault', role: 'alert' }, error.faults?.length > 1 ? el('ul', {}, error.faults.map(fault => el('li', {}, fault))) : el('p', {}, error.message))

/** A word with a colour. */
export const badge = (text, tone, title) => el('span', { class: `badge ${tone}`, title }, text)

/** Saves text as a file, without asking anybody for it. */
export function save(name, kind, text) {
  const url = URL.createObjectURL(new Blob([text], { type: kind }))
  el('a', { href: url, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
