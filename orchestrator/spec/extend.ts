import { posix } from 'node:path'
import { readDocument, type SourceDocument } from './document.ts'
import { layer } from './layers.ts'
import type { Json } from './pipeline.ts'
import type { Problems } from './problems.ts'
import { isMap, show } from './show.ts'

/** A file that another one extends: as messages name it, and its text. */
export type BaseFile = { file: string; text: string }

/** In the same folder, so that paths mean the same in both. */
export const baseName = /^[^/\\]+\.ya?ml$/
export const baseText = 'the name of a pipeline file in the same folder, such as base.yaml'

/** What a file says that it extends; null where it doesn't, or not in a way that can be followed. */
export function extendedBy(text: string): string | null {
  const root = readDocument('', text).document?.root
  const named = isMap(root) ? root.extends : undefined
  return typeof named === 'string' && baseName.test(named) ? named : null
}

/**
 * Reads a file over those that it extends, the nearest first. A map is merged key by key, so that only what differs has to
 * be said; all else replaces. Of each part it is known in which file it stands. Never throws.
 */
export function readExtended(
  file: string,
  text: string,
  bases: readonly BaseFile[],
): { document: SourceDocument | null; problems: Problems } {
  const { document, problems } = readDocument(file, text)
  if (document === null || problems.size > 0 || !isMap(document.root)) return { document, problems }
  const { extends: named, ...own } = document.root
  if (named === undefined) return { document, problems }
  const failed = (message: string) => {
    problems.add(document.place(['extends']), message)
    return { document, problems }
  }
  if (typeof named !== 'string' || !baseName.test(named))
    return failed(`extends: expected ${baseText}, found ${show(named)}`)
  const [base, ...further] = bases
  if (base === undefined || posix.basename(base.file) !== named)
    return failed(`extends: there is no file ${named} beside this one`)
  const below = readExtended(base.file, base.text, further)
  if (below.document === null || below.problems.size > 0) return below
  return { document: over(below.document, { ...document, root: own }), problems }
}

function over(base: SourceDocument, { file, root, place }: SourceDocument): SourceDocument {
  const whole: Json = isMap(base.root) ? base.root : {}
  const layered = layer(whole, base.place, [{ id: 0, path: [], value: root, place }], [])
  return { file, root: layered.value, place: layered.place }
}
