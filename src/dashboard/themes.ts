// SPDX-License-Identifier: Apache-2.0
// Light, dark, or as the system has it; remembered where the browser allows.

const remembered = 'vaxel-theme'

function recall(): string | null {
  try {
    return localStorage.getItem(remembered)
  } catch {
    return null
  }
}

function remember(theme: string): void {
  try {
    localStorage.setItem(remembered, theme)
  } catch {
    // A page that may keep nothing asks anew next time.
  }
}

export function startThemes(changed: () => void): void {
  const inputs = [...document.querySelectorAll<HTMLInputElement>('input[name="theme"]')]
  const apply = (theme: string) => {
    document.documentElement.dataset['theme'] = theme
    changed()
  }
  const before = inputs.find((input) => input.value === recall())
  if (before) {
    before.checked = true
    apply(before.value)
  }
  for (const input of inputs) {
    input.addEventListener('change', () => {
      remember(input.value)
      apply(input.value)
    })
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed)
}
