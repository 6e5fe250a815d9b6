import { posix } from 'node:path'
import { OrchestrateError } from '../errors.ts'
import type { WorkerDescription } from '../protocol/worker-description.ts'
import { canonicalJson } from './canonical-json.ts'
import { sha256 } from './content-key.ts'
import type { JobCode } from './plan.ts'
import { findImports, type Import } from './python-imports.ts'

/** The worker's folder: path (with `/`) -> text. Of files that are no Python, the text may be empty. */
export type WorkerFiles = ReadonlyMap<string, string>

/**
 * The files that an entry's result can depend on: what its modules import, transitively, and the assets; without
 * `modules`, every file. So a change of the evaluation doesn't retrain. worker.json only describes: it is left out.
 *
 * @throws OrchestrateError WORKER_INVALID where the entry or one of its modules isn't there.
 */
export function codeClosure(
  files: WorkerFiles,
  description: WorkerDescription,
  entry: string,
  digest: (path: string) => string,
): JobCode {
  const found = description.entries[entry]
  if (found === undefined)
    throw new OrchestrateError('WORKER_INVALID', `worker '${description.name}' has no entry '${entry}'`)
  const prefix = description.package === undefined ? '' : `${description.package.replaceAll('.', '/')}/`
  /** Place in the snapshot -> place in the folder. */
  const places = new Map([...files.keys()].filter(isCode).map((path) => [`${prefix}${path}`, path]))
  const taken =
    found.modules === undefined
      ? places.keys()
      : new Closure(files, places, description).follow(entry, found.modules, description.assets)
  const digests = [...taken].sort().map((place): [string, string] => [place, digest(places.get(place) ?? place)])
  const code = Object.fromEntries(digests)
  return { digest: sha256(canonicalJson(code)), files: code }
}

const isCode = (path: string): boolean =>
  path !== 'worker.json' && !path.endsWith('.pyc') && !path.split('/').includes('__pycache__')

class Closure {
  readonly #files: WorkerFiles
  readonly #places: ReadonlyMap<string, string>
  readonly #command: readonly string[]
  /** Folders of the snapshot in which Python looks for modules: the root, and the folder of a script. */
  readonly #roots: string[]
  readonly #taken = new Set<string>()

  constructor(files: WorkerFiles, places: ReadonlyMap<string, string>, description: WorkerDescription) {
    this.#files = files
    this.#places = places
    this.#command = description.command
    const scripts = description.command.filter((word) => places.has(posix.normalize(word)))
    this.#roots = [...new Set(['', ...scripts.map(folderOf)])]
  }

  follow(entry: string, modules: readonly string[], assets: readonly string[]): Set<string> {
    for (const module of modules) {
      if (this.#takeModule(module)) continue
      const message = `entry '${entry}' starts from the module '${module}', which is not in the worker's folder`
      throw new OrchestrateError('WORKER_INVALID', message)
    }
    this.#takeCommand()
    for (const [place, path] of this.#places)
      if (assets.some((glob) => posix.matchesGlob(path, glob))) this.#taken.add(place)
    // A set that grows while it is walked is walked to its end.
    for (const place of this.#taken) {
      if (!place.endsWith('.py')) continue
      for (const found of findImports(this.#files.get(this.#places.get(place) ?? '') ?? ''))
        this.#takeImport(found, place)
    }
    return this.#taken
  }

  /** What starts a rank runs too, whichever entry it then calls. */
  #takeCommand(): void {
    for (const [index, word] of this.#command.entries()) {
      if (this.#places.has(posix.normalize(word))) this.#taken.add(posix.normalize(word))
      else if (this.#command[index - 1] === '-m') this.#takeModule(word) || this.#takeModule(`${word}.__main__`)
    }
  }

  #takeImport({ level, module, names }: Import, from: string): void {
    const bases = level === 0 ? this.#roots : [up(folderOf(from), level - 1)]
    for (const base of bases) {
      this.#takeModule(module, base)
      // A name may be a submodule, or something in the package: who can tell without running it?
      for (const name of names) {
        if (name === '*') this.#takeAllIn(posix.join(base, module.replaceAll('.', '/')))
        else this.#takeModule(module === '' ? name : `${module}.${name}`, base)
      }
    }
  }

  /** Takes a module and the packages that it lies in, which Python runs first; says whether there was one. */
  #takeModule(module: string, base?: string): boolean {
    const roots = base === undefined ? this.#roots : [base]
    return roots.map((root) => this.#takeIn(root, module)).includes(true)
  }

  #takeIn(root: string, module: string): boolean {
    let path = root
    let found = this.#take(posix.join(path, '__init__.py')) && module === ''
    const parts = module === '' ? [] : module.split('.')
    for (const [index, part] of parts.entries()) {
      path = posix.join(path, part)
      const package_ = this.#take(posix.join(path, '__init__.py'))
      const file = this.#take(`${path}.py`)
      if (index === parts.length - 1) found = package_ || file
      if (index === parts.length - 1 && package_) this.#take(posix.join(path, '__main__.py'))
    }
    return found
  }

  /** `from package import *` imports whatever the package lists. */
  #takeAllIn(folder: string): void {
    for (const place of this.#places.keys())
      if (place.endsWith('.py') && folderOf(place) === folder) this.#taken.add(place)
  }

  #take(place: string): boolean {
    if (!this.#places.has(place)) return false
    this.#taken.add(place)
    return true
  }
}

const folderOf = (place: string): string => {
  const folder = posix.dirname(place)
  return folder === '.' ? '' : folder
}

const up = (folder: string, levels: number): string => (levels <= 0 ? folder : up(folderOf(folder), levels - 1))
