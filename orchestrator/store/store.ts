/** What a store tells of an object. */
export type ObjectInfo = { key: string; size: number /** Unix milliseconds. */; modified: number }

/**
 * The object store port: what the control plane needs of a place that lasts, and nothing more. Keys are
 * `/`-separated, relative to the store's prefix, and never contain `..`, empty parts or a leading slash.
 * Two adapters (filesystem, S3) pass one contract suite.
 */
export interface Store {
  readonly url: string
  /** Writes an object only if there is none under the key. `exists` may be the caller's own write after a retry: compare contents. */
  create(key: string, body: Uint8Array | string): Promise<'created' | 'exists'>
  /** Writes or replaces an object, whole or not at all. */
  put(key: string, body: Uint8Array | string): Promise<void>
  /** Copies a local file in, streaming; returns its size and SHA-256. A filesystem store may link instead of copying. */
  putFile(key: string, path: string): Promise<{ size: number; sha256: string }>
  /** The object's content, or null if there is none. */
  get(key: string): Promise<Buffer | null>
  /** Copies an object to a local file, read-only, verified against the hash; null sha256 skips the check. */
  getFile(key: string, path: string, sha256: string | null): Promise<void>
  head(key: string): Promise<ObjectInfo | null>
  /** All objects under a prefix, in key order. */
  list(prefix: string): AsyncIterable<ObjectInfo>
  /** Names directly under a prefix, folders with a trailing slash. */
  children(prefix: string): Promise<string[]>
  /** Deleting what is not there is fine. */
  delete(key: string): Promise<void>
  /** Throws STORE_* unless writing works and a second conditional create is refused. */
  probe(): Promise<void>
}
