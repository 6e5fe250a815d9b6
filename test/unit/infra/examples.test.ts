import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { sbatchArguments } from '../../../orchestrator/engines/slurm/sbatch-arguments.ts'
import { slurmPool } from '../../../orchestrator/engines/slurm/slurm-pool.ts'
import type { PoolOf } from '../../../orchestrator/spec/pools/pool.ts'
import { readPools } from '../../../orchestrator/spec/pools/read-pools.ts'

const infra = resolve(import.meta.dirname, '../../../infra')
const read = (path: string): string => readFileSync(join(infra, path), 'utf8')

const pages = ['README.md', 'slurm/README.md', 'systemd/README.md', 'compose/README.md', 'slurm-dev/README.md']
test.each(pages)('every file that %s links to is there', (page) => {
  const linked = [...read(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path = '']) => path)
  expect(linked.filter((path) => !existsSync(join(infra, dirname(page), path)))).toEqual([])
})

test('infra/README.md has a line for every folder', () => {
  const folders = readdirSync(infra, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const [, ...rows] = read('README.md').match(/^\| (?:\[[^\]]+\]|[a-z][\w-]*)/gm) ?? []
  expect(rows.map((row) => row.replace(/^\| \[?|\]$/g, '')).sort()).toEqual(folders.map(({ name }) => name).sort())
})

test.each(readdirSync(join(infra, 'pools')))('pools/%s is a pools.yaml, and names the schema for editors', (name) => {
  expect(readPools(name, read(`pools/${name}`))).toHaveProperty('pools')
  const schema = /\$schema=(\S+)/.exec(read(`pools/${name}`))?.[1] ?? ''
  expect(existsSync(join(infra, 'pools', schema))).toBe(true)
})

test('the sbatch line in slurm/README.md is what the example pool makes', () => {
  const found = readPools('slurm.yaml', read('pools/slurm.yaml'))
  const pool = 'pools' in found ? found.pools.find(({ name }) => name === 'cluster') : undefined
  const needs = { nodes: 4, gpus: 8, cores: 64, memory: null, time: null, avoid: ['node17'] }
  const job = { name: 'a-1f0c3a9b2e-1', comment: '…', output: '…/launcher.log', tasks: null }
  const options = sbatchArguments(slurmPool(pool as PoolOf<'slurm'>, { python: 'python3' }), needs, job)
  expect(read('slurm/README.md')).toContain(`sbatch ${options.join(' \\\n  ')}\n`)
})

describe('compose', () => {
  type Service = { image?: string; ports?: string[]; network_mode?: string }
  const services = (file: string) =>
    Object.entries(
      (parse(read(`compose/${file}`), { logLevel: 'silent' }) as { services: Record<string, Service> }).services,
    )

  test('nothing is reachable from other hosts, unless they were meant', () => {
    for (const [, { ports = [] }] of services('compose.yaml'))
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/)
    for (const [, { ports = [] }] of services('compose.lan.yaml'))
      for (const port of ports) expect(port).toMatch(/^\$\{LAN_ADDRESS/)
  })

  test('images are of one version', () => {
    const images = services('compose.yaml').flatMap(([, { image }]) => (image ? [image] : []))
    expect(images).toHaveLength(2)
    for (const image of images) expect(image).toMatch(/^docker\.io\/[\w./-]+:\d+\.\d+/)
  })

  test('.env.example names all that has to be set', () => {
    const used = [...`${read('compose/compose.yaml')}${read('compose/compose.lan.yaml')}`.matchAll(/(?<!\$)\$\{(\w+)/g)]
    const named = [...read('compose/.env.example').matchAll(/^(?:# )?([A-Z_0-9]+)=/gm)]
    const names = (matches: RegExpExecArray[]) => [...new Set(matches.map(([, name]) => name))].sort()
    expect(names(used)).toEqual(names(named))
  })

  test('what the image of the server copies is there', () => {
    const copied = [...read('compose/Containerfile').matchAll(/^COPY (.+) \S+$/gm)].flatMap(([, paths = '']) =>
      paths.split(' '),
    )
    expect(copied.length).toBeGreaterThan(3)
    for (const path of copied) expect(existsSync(join(infra, '..', path)), path).toBe(true)
  })
})
