import { suggest } from '../suggest.ts'
import type { Gate, GateKind, Operator, Term } from './gate.ts'
import { GateProblem, type Token, tokens } from './tokens.ts'
import { factorOf } from './units.ts'

/** All of a gate that its text says. */
export type ParsedGate = Omit<Gate, 'undecided' | 'until'>

const kinds: readonly GateKind[] = ['recipe', 'policy']
const operators: readonly Operator[] = ['>=', '>', '<=', '<']
const spelt: Record<string, Operator> = { '=>': '>=', '=<': '<=', '≥': '>=', '≤': '<=' }
const example = 'recipe success(full) >= success(baseline) - 0.03 at 95%'

/**
 *     gate   = [ "recipe" | "policy" ] term ( ">=" | ">" | "<=" | "<" ) bound [ "at" number "%" ]
 *     term   = metric "(" row ")"
 *     bound  = term [ ( "+" | "-" ) number [ unit ] ] | [ "-" ] number [ unit ]
 *     unit   = "%" | "points" | "us" | "ms" | "s" | "min"
 *
 * Read, never run. @throws GateProblem
 */
export function parseGate(text: string): ParsedGate {
  return new Reader(text).gate()
}

class Reader {
  readonly #text: string
  readonly #tokens: Token[]
  #next = 0

  constructor(text: string) {
    this.#text = text
    this.#tokens = tokens(text)
  }

  gate(): ParsedGate {
    const kind = this.#kind()
    const first = this.#term()
    const operator = this.#operator()
    const second = this.#peek().kind === 'word' ? this.#term() : null
    const offset = this.#offset(second !== null, first.metric)
    const level = this.#level()
    const left = this.#peek()
    if (left.kind !== 'end') throw this.#expected("'at 95%' or the end", left)
    if (second !== null && second.metric !== first.metric)
      throw new GateProblem(1, `'${first.metric}' is compared with '${second.metric}': expected the same metric twice`)
    return { text: this.#text.trim(), kind, first, operator, second, offset, level }
  }

  #kind(): GateKind {
    const token = this.#peek()
    if (token.kind !== 'word' || this.#tokens[this.#next + 1]?.kind === 'open') return 'recipe'
    const kind = kinds.find((known) => known === token.text)
    if (kind === undefined && this.#tokens[this.#next + 1]?.kind === 'word')
      throw new GateProblem(token.at, `no kind of gate '${token.text}'${suggest(token.text, kinds)}`)
    if (kind !== undefined) this.#take()
    return kind ?? 'recipe'
  }

  #term(): Term {
    const metric = this.#take()
    if (metric.kind !== 'word' || metric.text === '%') throw this.#expected('a metric such as success(full)', metric)
    const open = this.#take()
    if (open.kind !== 'open') throw this.#expected(`'(' and a row, ${metric.text}(full)`, open)
    const variant = this.#take()
    if (variant.kind !== 'word') throw this.#expected('the name of a row or cell', variant)
    const close = this.#take()
    if (close.kind !== 'close') throw this.#expected("')'", close)
    return { metric: metric.text, variant: variant.text }
  }

  #operator(): Operator {
    const token = this.#take()
    const known = operators.find((operator) => operator === token.text)
    if (known !== undefined) return known
    const meant = Object.hasOwn(spelt, token.text) ? spelt[token.text] : undefined
    if (meant !== undefined) throw new GateProblem(token.at, `found '${token.text}'; did you mean '${meant}'?`)
    if (token.kind === 'operator')
      throw new GateProblem(
        token.at,
        `found '${token.text}': nothing measured is exactly equal; expected >=, >, <= or <`,
      )
    throw this.#expected('>=, >, <= or <', token)
  }

  #offset(after: boolean, metric: string): number {
    const sign = this.#peek()
    if (sign.kind !== 'sign') return after ? 0 : this.#amount(metric)
    this.#take()
    return (sign.text === '+' ? 1 : -1) * this.#amount(metric)
  }

  #amount(metric: string): number {
    const number = this.#number('a number or a metric such as success(baseline)')
    const unit = this.#peek()
    if (unit.kind !== 'word' || unit.text === 'at') return number
    return number * factorOf(this.#take(), metric)
  }

  #level(): number {
    const at = this.#peek()
    if (at.kind !== 'word' || at.text !== 'at') return 0.05
    this.#take()
    const token = this.#peek()
    const percent = this.#number("a level such as '95%'")
    const sign = this.#take()
    if (sign.text !== '%') throw this.#expected("'%'", sign)
    if (percent < 50 || percent >= 100)
      throw new GateProblem(token.at, `found ${token.text}%: expected a level from 50% to below 100%, such as 95%`)
    return 1 - percent / 100
  }

  #number(what: string): number {
    const token = this.#take()
    if (token.kind !== 'number') throw this.#expected(what, token)
    return Number(token.text.replaceAll('_', ''))
  }

  #peek = (): Token => this.#tokens[this.#next] as Token

  #take(): Token {
    const token = this.#peek()
    if (token.kind !== 'end') this.#next++
    return token
  }

  #expected(what: string, { kind, text, at }: Token): GateProblem {
    const found = kind === 'end' ? 'the end' : `'${text}'`
    return new GateProblem(at, `expected ${what}, found ${found}; a gate reads: ${example}`)
  }
}
