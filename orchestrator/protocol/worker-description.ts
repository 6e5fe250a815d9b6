import { z } from 'zod'

const nameText = 'a name of letters, digits, `.`, - and _ that starts with a letter or digit'
/** Inputs and outputs become folders, and parts of store keys: no `..`, no slash. */
const Name = z.string({ error: nameText }).regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, { error: nameText })

const Port = z.strictObject({ format: z.string().optional(), description: z.string().optional() })

export const EntryDescription = z.strictObject({
  description: z.string().optional(),
  /** JSON Schema (2020-12) of `with:`; `default`s are filled in before the key is made. */
  config: z.record(z.string(), z.json()),
  inputs: z
    .record(
      Name,
      Port.extend({
        required: z.boolean().default(true),
        /** Whether the worker can read it in place, from a store, instead of from a folder on its host. */
        streams: z.boolean().optional(),
        /** Whether it may also be bound several times, each under a name of its own: `labels-bridge`, `labels-galaxea`. */
        several: z.boolean().optional(),
      }),
    )
    .default({}),
  outputs: z.record(Name, Port).default({}),
  /** Python modules that the entry starts from; what they import is what the key covers. Absent: every file of the folder. */
  modules: z.array(z.string()).optional(),
  /** Whether the entry can be cut into shards (it then reads `shard` and `shards` of job.json). */
  shardable: z.boolean().default(false),
  /** Whether more than one rank makes sense. */
  distributed: z.boolean().default(false),
})
export type EntryDescription = z.infer<typeof EntryDescription>

/** What an input of a stage is bound to in its entry: the port of that name, or the one of several, for `labels-bridge`. */
export function portOf(entry: EntryDescription, input: string): EntryDescription['inputs'][string] | undefined {
  if (Object.hasOwn(entry.inputs, input)) return entry.inputs[input]
  const names = Object.keys(entry.inputs).filter((name) => entry.inputs[name]?.several && input.startsWith(`${name}-`))
  const [name] = names.filter((found) => input.length > found.length + 1)
  return name === undefined ? undefined : entry.inputs[name]
}

/** `worker.json` in a worker's folder: how it is started and what stages it offers. Exported by the worker package itself. */
export const WorkerDescription = z.strictObject({
  protocol: z.literal(1),
  name: z.string(),
  /** argv of a rank; a first word `python` means the interpreter that the pool gives to workers. Runs in the snapshot's root. */
  command: z.array(z.string()).min(1),
  /** Set when the folder is itself a Python package: its files then lie under this name in the snapshot. */
  package: z.string().optional(),
  /** File with the pinned dependencies, relative to the folder; its digest is part of every key. */
  lock: z.string().optional(),
  /** Globs of files other than Python modules that every entry needs. */
  assets: z.array(z.string()).default([]),
  entries: z.record(Name, EntryDescription),
})
export type WorkerDescription = z.infer<typeof WorkerDescription>
