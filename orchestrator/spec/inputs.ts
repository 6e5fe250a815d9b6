import { type EntryDescription, portOf } from '../protocol/worker-description.ts'
import type { Binding, Json } from './pipeline.ts'
import { isMap, type Path, showPath } from './show.ts'
import type { Surroundings } from './stage.ts'
import { suggest } from './suggest.ts'

type ReportAt = (path: Path, message: string, of?: 'key' | 'value') => void

/** What each input of the entry is bound to; what is left out is bound to nothing. */
export function readInputs(
  name: string,
  raw: Record<string, Json>,
  entry: EntryDescription | null,
  around: Surroundings,
  report: ReportAt,
): Record<string, Binding> {
  const given = isMap(raw.inputs) ? raw.inputs : {}
  const bindings: Record<string, Binding> = {}
  const at = (input: string) => showPath([name, 'inputs', input])
  for (const [input, text] of Object.entries(given)) {
    const port = entry === null ? undefined : portOf(entry, input)
    if (entry !== null && port === undefined) {
      const known = suggest(input, Object.keys(entry.inputs))
      report(
        ['inputs', input],
        `${showPath([name, 'inputs'])}: no input '${input}' in entry '${raw.entry}'${known}`,
        'key',
      )
    }
    if (text !== null && typeof text !== 'string') continue // the shape has been reported
    bindings[input] = bind(text, port?.format, around, (message) =>
      report(['inputs', input], `${at(input)}: ${message}`),
    )
    if (text === null && port?.required === true)
      report(
        ['inputs', input],
        `${at(input)}: entry '${raw.entry}' requires this input, expected ${source(port.format)}, found null`,
      )
  }
  for (const [input, port] of Object.entries(entry?.inputs ?? {})) {
    if (Object.hasOwn(given, input)) continue
    bindings[input] = { kind: 'none' }
    if (!port.required) continue
    report(['inputs'], `${showPath([name, 'inputs'])}: missing '${input}', expected ${source(port.format)}`)
  }
  return bindings
}

const source = (format: string | undefined) => `\`stage.output\` or \`data.name\`${format ? ` with ${format}` : ''}`

function bind(
  text: string | null,
  wanted: string | undefined,
  around: Surroundings,
  report: (message: string) => void,
): Binding {
  if (text === null) return { kind: 'none' }
  const dot = text.indexOf('.')
  const [owner, part] = dot < 0 ? [text, ''] : [text.slice(0, dot), text.slice(dot + 1)]
  if (owner === 'data') {
    if (!around.data.has(part)) report(`no data source '${part}'${suggest(part, [...around.data.keys()])}`)
    return { kind: 'data', name: part }
  }
  if (!around.entries.has(owner)) {
    report(`no stage '${owner}'${suggest(owner, [...around.entries.keys()])}`)
    return { kind: 'none' }
  }
  const entryName = around.entries.get(owner)
  const outputs = entryName ? around.worker.entries[entryName]?.outputs : undefined
  if (outputs !== undefined && !Object.hasOwn(outputs, part)) {
    const message =
      part === '' ? `expected \`${owner}.<output>\`, found '${owner}'` : `no output '${part}' of stage '${owner}'`
    report(`${message}${suggest(part, Object.keys(outputs))}`)
  }
  const format = outputs?.[part]?.format
  if (format !== undefined && wanted !== undefined && format !== wanted)
    report(`expected ${wanted}, found '${text}', which is ${format}`)
  return { kind: 'stage', stage: owner, output: part }
}
