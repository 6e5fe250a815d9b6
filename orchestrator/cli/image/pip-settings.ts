import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../../engines/container/runtime.ts'

/** What pip on this machine was told about indexes, for pip in a build: two files that are mounted, and in no layer. */
export type PipSettings = { configuration: string; certificates: string }

/** Of pip's settings those that say where packages come from; all else is this machine's own business. */
const WANTED = ['index-url', 'extra-index-url', 'find-links', 'trusted-host', 'proxy', 'timeout', 'retries', 'no-index']

/** Runs `use` with the settings in files that only this user can read, and that are gone afterwards. */
export async function withPipSettings<T>(python: string, use: (settings: PipSettings) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'orchestrate-pip-'))
  try {
    const { stdout } = await run(python, ['-m', 'pip', 'config', 'list', '--disable-pip-version-check'])
    const said = readPipConfig(stdout)
    const settings = { configuration: join(folder, 'pip.conf'), certificates: join(folder, 'certificates') }
    await writeFile(settings.configuration, pipConfiguration(said), { mode: 0o600 })
    // A mount must have something to mount: an empty file stands for "as the base image has it".
    if (said.cert === undefined) await writeFile(settings.certificates, '', { mode: 0o600 })
    return await use({ ...settings, certificates: said.cert ?? settings.certificates })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Reads `pip config list`: a setting a line, `global.index-url='https://…'`; the environment's, which win, come last. */
export function readPipConfig(listing: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const line of listing.split('\n')) {
    const [, section, name, value] = /^(:env:|\w+)\.([\w-]+)='(.*)'$/.exec(line.trim()) ?? []
    // Within a line Python has escaped what ends lines: several values are several lines of one setting.
    if (name !== undefined && value !== undefined && ['global', 'install', ':env:'].includes(section ?? ''))
      found[name] = value.replaceAll('\\n', '\n').trim()
  }
  return found
}

export function pipConfiguration(said: Record<string, string>): string {
  const lines = WANTED.flatMap((name) => {
    const value = said[name]
    return value === undefined ? [] : [`${name} = ${value.split('\n').join('\n  ')}`]
  })
  return `[global]\n${lines.join('\n')}\n`
}
