import { Command } from 'commander'
import { checkout, readSettings } from '../../server/settings.ts'
import { stateDirectory } from '../client/connect.ts'
import type { Check } from '../doctor/check.ts'
import { daemonChecks } from '../doctor/daemon-checks.ts'
import { diskChecks } from '../doctor/disk-checks.ts'
import { nodeChecks } from '../doctor/node-checks.ts'
import { poolChecks } from '../doctor/pools/pool-checks.ts'
import { pythonChecks } from '../doctor/python-checks.ts'
import { redisCheck, storeCheck } from '../doctor/service-checks.ts'
import { type Connection, examples } from '../options.ts'
import { printJson, printLines } from '../print.ts'
import { type Line, padEnd, type Style, span, width } from '../view/line.ts'

export function command(): Command {
  const doctor = new Command('doctor')
    .description(
      'Checks what this machine needs for each engine, and, on a daemon that runs, what should always be so; gives the line to type for whatever is missing or broken.',
    )
    .option('--state <folder>', 'the state directory ($ORCHESTRATE_STATE)')
    .option('--verbose', 'show the stack of an unexpected error')
    .option('--json', 'one JSON document on standard output')
    .action(async (options: Connection & { json?: boolean }) => {
      const checks = await allChecks(stateDirectory(options))
      const isFit = checks.every(({ state }) => state === 'ok' || state === 'absent')
      if (options.json === true) printJson({ ok: isFit, checks })
      else printLines(checkLines(checks))
      process.exitCode = isFit ? 0 : 4
    })
  return examples(doctor, ['orchestrate doctor', 'orchestrate doctor --json'])
}

async function allChecks(state: string): Promise<Check[]> {
  const settings = readSettings(process.env, { state })
  const parts = await Promise.all([
    nodeChecks(checkout),
    pythonChecks(settings.python),
    redisCheck(settings),
    diskChecks(settings),
    storeCheck(settings),
    poolChecks(settings),
    daemonChecks(settings),
  ])
  return parts.flat()
}

const marks: Record<Check['state'], [string, Style]> = {
  ok: ['✔ ok', 'good'],
  missing: ['✘ missing', 'bad'],
  broken: ['✘ broken', 'bad'],
  absent: ['– none', 'dim'],
}

function checkLines(checks: Check[]): Line[] {
  const names = Math.max(...checks.map(({ name }) => width(name)))
  const lines = checks.flatMap(({ name, state, found, fix }): Line[] => {
    const [mark, style] = marks[state]
    const line = [span(padEnd(mark, 11), style), span(padEnd(name, names)), span(`  ${found}`, 'dim')]
    return fix === null ? [line] : [line, [span(' '.repeat(11)), span(fix, 'bold')]]
  })
  const counts = (['missing', 'broken'] as const).flatMap((wanted) => {
    const count = checks.filter(({ state }) => state === wanted).length
    return count === 0 ? [] : [`${count} ${wanted}`]
  })
  return counts.length === 0 ? lines : [...lines, [], [span(`${counts.join(', ')}; type the lines above`)]]
}
