import { posix } from 'node:path'
import { findImports } from './find-imports.ts'

/** Files that lie in no room are floors to stand on: errors.ts for all, the other two for rooms that do things. */
const FLOORS = ['errors', 'limits', 'fault-point']
const THINKING = ['protocol', 'spec', 'plan', 'run', 'report']
const DOING = ['store', 'ledger', 'queue', 'engines']

/** The rooms of `orchestrator/`, and into which others each may look. */
const MAY_USE: Record<string, readonly string[]> = {
  errors: [],
  limits: [],
  'fault-point': [],
  protocol: ['errors'],
  spec: ['errors', 'protocol'],
  plan: ['errors', 'protocol', 'spec'],
  run: ['errors', 'protocol', 'spec', 'plan'],
  report: ['errors', 'protocol', 'spec', 'plan', 'run'],
  store: [...FLOORS, 'protocol'],
  ledger: [...FLOORS, 'protocol'],
  queue: [...FLOORS, 'protocol', 'ledger'],
  engines: [...FLOORS, 'protocol', 'spec', 'store', 'ledger', 'queue'],
  server: [...FLOORS, ...THINKING, ...DOING],
  agent: [...FLOORS, ...THINKING, ...DOING, 'server'],
  cli: [...FLOORS, ...THINKING, ...DOING, 'server', 'agent'],
}

/** Rooms that take values and return values. */
const PURE: ReadonlySet<string> = new Set(['errors', 'protocol', 'spec', 'plan', 'run', 'report'])
/** Modules of Node that only compute. */
const COMPUTES: ReadonlySet<string> = new Set(['node:path', 'node:crypto', 'node:util', 'node:url'])
const NOT_PURE: Record<string, string> = {
  'orchestrator/protocol/write-schemas.ts': 'a script of its own: writes the schemas that are committed',
  'orchestrator/spec/write-schema.ts': 'a script of its own: writes the schema that is committed',
  'orchestrator/report/html/style.ts': 'reads the style sheets beside it, once, as an import of text would',
}

/** Packages that are one room's business: another that wants what they do asks that room. */
const ONLY_IN: readonly [name: RegExp, rooms: readonly string[]][] = [
  [/^bullmq$/, ['queue']],
  [/^ioredis$/, ['ledger', 'queue']],
  [/^@aws-sdk\//, ['store']],
  [/^fastify$/, ['server']],
  [/^commander$/, ['cli']],
  [/^yaml$/, ['spec']],
  [/^ajv(\/|$)/, ['spec']],
]

/** What a file of `orchestrator/` imports that it must not, a line each. `path` is relative to the checkout, with `/`. */
export function violations(path: string, text: string): string[] {
  const room = roomOf(path)
  const may = MAY_USE[room]
  if (may === undefined) return [`${path}: no room of the house is called '${room}'`]
  return findImports(text).flatMap(({ line, what }) => {
    const wrong = what.startsWith('.') ? wrongPlace(room, may, path, what) : wrongPackage(room, path, what)
    return wrong === null ? [] : [`${path}:${line}: ${wrong}`]
  })
}

function wrongPlace(room: string, may: readonly string[], path: string, what: string): string | null {
  const target = posix.join(posix.dirname(path), what)
  if (target === 'package.json') return null
  if (!target.startsWith('orchestrator/')) return `${room} imports ${target}, which is not part of the control plane`
  const other = roomOf(target)
  return other === room || may.includes(other) ? null : `${room} imports ${other} (${what})`
}

function wrongPackage(room: string, path: string, what: string): string | null {
  if (what.startsWith('node:')) {
    const pure = PURE.has(room) && NOT_PURE[path] === undefined
    return pure && !COMPUTES.has(what) ? `${room} is pure, and imports ${what}` : null
  }
  const owners = ONLY_IN.find(([name]) => name.test(what))?.[1]
  return owners === undefined || owners.includes(room)
    ? null
    : `${room} imports ${what}, which is for ${owners.join(' and ')}`
}

function roomOf(path: string): string {
  const [, room = ''] = path.split('/')
  return room.replace(/\.ts$/, '')
}
