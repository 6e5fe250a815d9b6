import { readValue } from './document.ts'
import type { Json } from './pipeline.ts'
import { isMap, type Path } from './show.ts'
import { suggest } from './suggest.ts'

/** What `${…}` may name. `matrix` is null where there is no cell, outside the stages. */
export type Scope = { matrix: Readonly<Record<string, Json>> | null; env: Readonly<Record<string, string>> }

/**
 * Fills in `${matrix.axis}` and `${env.NAME}`; nothing is ever evaluated. Text that is one variable and nothing
 * else becomes the value with its type; `$${` stands for `${`. What can't be filled in is reported and stays.
 */
export function substitute(value: Json, scope: Scope, report: (path: Path, message: string) => void): Json {
  const visit = (node: Json, path: Path): Json => {
    if (typeof node === 'string') return node.includes('${') ? fill(node, scope, (text) => report(path, text)) : node
    if (Array.isArray(node)) return node.map((item, index) => visit(item, [...path, index]))
    if (!isMap(node)) return node
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, visit(item, [...path, key])]))
  }
  return visit(value, [])
}

const variable = /\$\$\{|\$\{([^{}]*)\}|\$\{/g

function fill(text: string, scope: Scope, report: (message: string) => void): Json {
  const whole = /^\$\{([^{}]*)\}$/.exec(text)
  if (whole) return lookUp(whole[1] ?? '', scope, report) ?? text
  return text.replace(variable, (match: string, name: string | undefined) => {
    if (match === '$${') return '${'
    if (name !== undefined) return String(lookUp(name, scope, report) ?? match)
    report("expected '}' after '${'; write '$${' for the two characters themselves")
    return match
  })
}

function lookUp(name: string, scope: Scope, report: (message: string) => void): Json | undefined {
  const [, space, key = ''] = /^\s*(matrix|env)\.(.+?)\s*$/.exec(name) ?? []
  if (space === 'env') {
    if (Object.hasOwn(scope.env, key)) return typed(scope.env[key] ?? '')
    report(`\${env.${key}}: ${key} is not set in the environment`)
  } else if (space === 'matrix' && scope.matrix === null) {
    report(`\${matrix.${key}}: the matrix can be used under \`stages:\` and in overrides only`)
  } else if (space === 'matrix') {
    const { matrix } = scope
    if (matrix !== null && Object.hasOwn(matrix, key)) return matrix[key]
    report(`no axis '${key}' in the matrix${suggest(key, Object.keys(matrix ?? {}))}`)
  } else {
    report(`no variable '\${${name}}', expected \${matrix.<axis>} or \${env.<NAME>}`)
  }
  return undefined
}

/** The environment knows only text: what reads as a number or a truth value, and only as that, is one. */
function typed(text: string): Json {
  const value = readValue(text)?.value
  return (typeof value === 'number' || typeof value === 'boolean') && String(value) === text ? value : text
}

/** Names of the axes that a value refers to. */
export function axesIn(value: Json): string[] {
  return [...JSON.stringify(value).matchAll(/\$\{\s*matrix\.([^{}]+?)\s*\}/g)].map((match) => match[1] ?? '')
}

/** Names of all environment variables that a text refers to. */
export function envIn(text: string): string[] {
  return [...new Set([...text.matchAll(/(?<!\$)\$\{\s*env\.([^{}]+?)\s*\}/g)].map((match) => match[1] ?? ''))]
}
