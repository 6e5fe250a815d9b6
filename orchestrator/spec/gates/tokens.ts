export type Token = {
  kind: 'word' | 'number' | 'operator' | 'open' | 'close' | 'sign' | 'end'
  text: string
  at: number
}

/** A gate that can't be read: `at` counts characters from 1. */
export class GateProblem extends Error {
  readonly at: number

  constructor(at: number, message: string) {
    super(message)
    this.name = 'GateProblem'
    this.at = at
  }
}

const shapes: readonly [Token['kind'], RegExp][] = [
  ['operator', /[<>=!≤≥]+/y],
  // A name may hold dots and dashes (`depth.absrel`, `no-depth-expert`), and can't start with a dash.
  ['word', /[A-Za-z_][\w./-]*|%/y],
  ['number', /(\d[\d_]*(\.\d+)?|\.\d+)(e[-+]?\d+)?/y],
  ['open', /\(/y],
  ['close', /\)/y],
  ['sign', /[-+−]/y],
]

/** Cuts a gate into tokens. What stands in brackets is one word, whatever it is made of: rows may be named `full, lr 0.1`. */
export function tokens(text: string): Token[] {
  const found: Token[] = []
  let at = 0
  while (at < text.length) {
    const space = text.slice(at).match(/^\s+/)?.[0].length ?? 0
    at += space
    if (at >= text.length) break
    const token = found.at(-1)?.kind === 'open' ? bracketed(text, at) : next(text, at)
    found.push({ ...token, at: at + 1 })
    at += token.text.length
  }
  return [...found, { kind: 'end', text: '', at: text.length + 1 }]
}

function bracketed(text: string, at: number): Omit<Token, 'at'> {
  const inside = /[^()]*/y
  inside.lastIndex = at
  const words = inside.exec(text)?.[0].trimEnd() ?? ''
  return words === '' ? next(text, at) : { kind: 'word', text: words }
}

function next(text: string, at: number): Omit<Token, 'at'> {
  for (const [kind, shape] of shapes) {
    shape.lastIndex = at
    const match = shape.exec(text)
    if (match) return { kind, text: match[0] }
  }
  throw new GateProblem(at + 1, `found '${text[at]}', which stands in no gate`)
}
