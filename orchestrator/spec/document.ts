import { type Document, LineCounter, parseDocument, type YAMLError } from 'yaml'
import type { Json, Place } from './pipeline.ts'
import { Problems } from './problems.ts'
import type { Path } from './show.ts'
import { offsetOf } from './yaml-place.ts'
import { withUnderscores } from './yaml-tags.ts'
import { maxDepth, Stop, YamlReader } from './yaml-value.ts'

/** A YAML file as a value, which still knows where each part of it stands. */
export type SourceDocument = {
  file: string
  root: Json
  /** Where the value at `path` stands (or its key); of what isn't there: the innermost part that is. */
  place: (path: Path, of?: 'key' | 'value') => Place
}

const maxCharacters = 1024 * 1024
const tooDeep = `nested too deep, expected at most ${maxDepth} levels`

/** Reads a file that may be anything; never throws. With problems, `document` holds what could be read, or null. */
export function readDocument(file: string, text: string): { document: SourceDocument | null; problems: Problems } {
  const problems = new Problems()
  const failed = (message: string) => {
    problems.add({ file, line: 1, column: 1 }, message)
    return { document: null, problems }
  }
  if (text.length > maxCharacters)
    return failed(`the file has ${text.length} characters, expected a pipeline of at most 1 MiB`)
  if (looksTooDeep(text)) return failed(tooDeep)
  const lines = new LineCounter()
  const at = (offset: number | undefined): Place => {
    const { line, col } = lines.linePos(offset ?? 0)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  try {
    const parsed = parse(text, lines)
    for (const error of [...parsed.errors, ...parsed.warnings]) problems.add(at(error.pos[0]), yamlMessage(error))
    const reader = new YamlReader((offset, message) => problems.add(at(offset), message))
    const root = reader.read(parsed.contents, 0)
    const place: SourceDocument['place'] = (path, of = 'value') =>
      at(offsetOf(parsed.contents, path, of, reader.targets))
    return { document: { file, root, place }, problems }
  } catch (error) {
    if (error instanceof Stop) return failed(error.message)
    return failed(error instanceof RangeError ? tooDeep : `not valid YAML: ${sentence((error as Error).message)}`)
  }
}

/** The value that the right side of `--set a.b=VALUE` means, or null where it is no YAML. */
export function readValue(text: string): { value: Json } | null {
  const { document, problems } = readDocument('', text)
  return document === null || problems.size > 0 ? null : { value: document.root }
}

function parse(text: string, lines: LineCounter): Document.Parsed {
  // Keys that stand twice are found by the reader: the library compares each key with every other.
  const options = { prettyErrors: false, uniqueKeys: false, customTags: withUnderscores }
  const document = parseDocument(text, { ...options, lineCounter: lines })
  if (document.errors.some((error) => error.message.startsWith('Maximum call stack'))) throw new Stop(tooDeep)
  return document
}

const yamlMessage = ({ code, message }: YAMLError): string =>
  code === 'MULTIPLE_DOCS' ? 'expected one YAML document, found several' : `not valid YAML: ${sentence(message)}`

const sentence = (message: string): string => message.replace(/\s+/g, ' ').replace(/^./, (c) => c.toLowerCase())

// The library recurses, and takes seconds to find out that the stack has ended.
function looksTooDeep(text: string): boolean {
  let depth = 0
  for (const character of text) {
    if (character === '[' || character === '{') depth++
    else if (character === ']' || character === '}') depth = Math.max(0, depth - 1)
    if (depth > 1_000) return true
  }
  return /([-?:][ \t]+){200}/.test(text)
}
