import { type EntryDescription, portOf } from '../protocol/worker-description.ts'
import type { Binding, Json } from './pipeline.ts'
import { isAddress } from './sections.ts'
import { type Path, showPath } from './show.ts'
import type { Surroundings } from './stage.ts'
import { suggest } from './suggest.ts'

/** Names of the inputs that are read in place: those that the stage lists, and those whose data is at an address. */
export function readStream(
  name: string,
  raw: Record<string, Json>,
  entry: EntryDescription | null,
  inputs: Readonly<Record<string, Binding>>,
  around: Surroundings,
  report: (path: Path, message: string) => void,
): string[] {
  const listed = (Array.isArray(raw.stream) ? raw.stream : []).filter((input) => typeof input === 'string')
  const unable = `entry '${raw.entry}' reads this input from a folder only`
  for (const [index, input] of listed.entries()) {
    const at = `${showPath([name, 'stream'])}: `
    const port = entry === null ? undefined : portOf(entry, input)
    if (entry !== null && port === undefined)
      report(
        ['stream', index],
        `${at}no input '${input}' in entry '${raw.entry}'${suggest(input, Object.keys(entry.inputs))}`,
      )
    else if (entry !== null && port?.streams !== true)
      report(['stream', index], `${at}'${input}' can't be streamed: ${unable}`)
  }
  const addressed = Object.entries(inputs).flatMap(([input, binding]) => {
    const path = binding.kind === 'data' ? around.data.get(binding.name) : undefined
    if (path === undefined || !isAddress(path)) return []
    if (entry !== null && portOf(entry, input)?.streams !== true)
      report(['inputs', input], `${showPath([name, 'inputs', input])}: expected a folder, found ${path}: ${unable}`)
    return [input]
  })
  return [...new Set([...listed, ...addressed])].filter((input) => (inputs[input]?.kind ?? 'none') !== 'none')
}
