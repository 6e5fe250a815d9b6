/** What a store tells of an object. */
export type ObjectInfo = {
  key: string
  size: number /** Unix milliseconds, by the store's own clock. */
  modified: number
}

/** What an object holds, without holding it. */
export type Digest = { size: number /** 64 hex digits. */; sha256: string }

/**
 * The object store port: what the control plane needs of a place that lasts, and nothing more. Keys are
 * `/`-separated, relative to the store's prefix, and never contain `..`, empty parts or a leading slash.
 * A prefix names a folder, with or without a trailing slash; '' is the whole store.
 * Two adapters (filesystem, S3) pass one contract suite.
 */
export interface Store {
  readonly url: string
  /** Writes an object only if there is none under the key. `exists` may be the caller's own write after a retry: compare contents. */
  create(key: string, body: Uint8Array | string): Promise<'created' | 'exists'>
  /** Writes or replaces an object, whole or not at all. */
  put(key: string, body: Uint8Array | string): Promise<void>
  /**
   * Takes a local file in, streaming. A filesystem store links it where it can instead of copying, so the file is
   * read-only from then on: give it what an attempt left behind, never a user's own file.
   */
  putFile(key: string, path: string): Promise<Digest>
  /** Takes a local file in as putFile does, but waits for no disk: for logs, whose last seconds a power cut may cost. */
  putLog(key: string, path: string): Promise<void>
  /** The object's content, or null if there is none. */
  get(key: string): Promise<Buffer | null>
  /** Puts an object into a local file (perhaps as a link), read-only, whole or not at all, verified unless sha256 is null. */
  getFile(key: string, path: string, sha256: string | null): Promise<void>
  head(key: string): Promise<ObjectInfo | null>
  /** Reads an object through, or says null if there is none. */
  digest(key: string): Promise<Digest | null>
  /** All objects under a prefix, in key order (by bytes). */
  list(prefix: string): AsyncIterable<ObjectInfo>
  /** Names directly under a prefix in order, folders with a trailing slash. */
  children(prefix: string): Promise<string[]>
  /** Deleting what is not there is fine. */
  delete(key: string): Promise<void>
  /** Throws STORE_* unless writing works and a second conditional create is refused. */
  probe(): Promise<void>
}
