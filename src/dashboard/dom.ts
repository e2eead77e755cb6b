// SPDX-License-Identifier: Apache-2.0
// Small steps on the document; each leaves alone what has not changed.

export function field(name: string): HTMLElement {
  const found = document.querySelector<HTMLElement>(`[data-field="${name}"]`)
  if (!found) throw new Error(`the page has no field "${name}"`)
  return found
}

export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text
}

export function setFields(name: string, text: string): void {
  for (const node of document.querySelectorAll(`[data-field="${name}"]`)) setText(node, text)
}

export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className = '',
  ...inside: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const node = document.createElement(tag)
  if (className) node.className = className
  node.append(...inside)
  return node
}

// Makes the children of `parent` those of `items`, in order. What stays is updated in its place, so that neither the
// focus nor a selection is lost.
export function list<Item, Row extends HTMLElement>(
  parent: Element,
  items: Item[],
  keyOf: (item: Item) => string,
  create: (item: Item) => Row,
  update: (row: Row, item: Item) => void
): void {
  const rows = new Map<string, Row>()
  for (const child of [...parent.children] as Row[]) rows.set(child.dataset['key'] ?? '', child)
  const keys = new Set(items.map(keyOf))
  for (const [key, row] of rows) if (!keys.has(key)) row.remove()
  let place: Element | null = parent.firstElementChild
  for (const item of items) {
    const key = keyOf(item)
    let row = rows.get(key)
    if (!row) {
      row = create(item)
      row.dataset['key'] = key
    }
    if (row === place) place = place.nextElementSibling
    else parent.insertBefore(row, place)
    update(row, item)
  }
}

export function setBar(bar: HTMLElement, part: number | null): void {
  bar.hidden = part === null
  bar.style.setProperty('--part', String(Math.min(1, Math.max(0, part ?? 0))))
}
