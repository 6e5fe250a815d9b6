const MARK = '[redacted]'

/** Secret values that were given to runs: in memory only, and struck out of whatever attempts say. */
export class Secrets {
  readonly #byRun = new Map<string, Record<string, string>>()

  keep(owner: string, values: Record<string, string>): void {
    if (Object.keys(values).length > 0) this.#byRun.set(owner, values)
  }

  of(owner: string): Record<string, string> {
    return this.#byRun.get(owner) ?? {}
  }

  forget(owner: string): void {
    this.#byRun.delete(owner)
  }

  redact(text: string): string {
    if (this.#byRun.size === 0) return text
    let clean = text
    for (const values of this.#byRun.values()) {
      for (const value of Object.values(values)) {
        if (value === '') continue
        clean = clean.replaceAll(value, MARK)
        // As it stands inside a JSON string.
        clean = clean.replaceAll(JSON.stringify(value).slice(1, -1), MARK)
      }
    }
    return clean
  }
}
