/** Markup that is safe to write out. Only `html` makes it, so nothing gets there unescaped by being forgotten. */
export class Safe {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type Part = string | number | Safe | null | false | readonly Part[]

/** A template whose values are escaped, for text and for quoted attributes alike; what is already safe stays, lists are joined. */
export function html(strings: TemplateStringsArray, ...values: Part[]): Safe {
  return new Safe(strings.map((text, index) => text + write(values[index] ?? null)).join(''))
}

function write(part: Part): string {
  if (part === null || part === false) return ''
  if (part instanceof Safe) return part.text
  if (typeof part === 'number') return String(part)
  if (typeof part === 'string') return escapeText(part)
  return part.map(write).join('')
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Control characters and those that turn the direction of writing are left out: they can make a name read as another one. */
export const escapeText = (text: string) =>
  text
    .toWellFormed()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be removed
    .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
    .replaceAll(/[&<>"']/g, (character) => entities[character] as string)
