/** Secret values as they may stand in a file: plain, and as JSON writes them. */
export function formsOf(secrets: Record<string, string>): Buffer[] {
  const texts = Object.values(secrets).filter((text) => text !== '')
  const forms = new Set(texts.flatMap((text) => [text, text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')]))
  return [...forms].map((form) => Buffer.from(form))
}

/** Overwrites secrets with as many asterisks, as the launcher does at the end: every byte keeps its place. */
export function mask(bytes: Buffer, secrets: Buffer[]): void {
  const before = secrets.length > 0 ? Buffer.from(bytes) : bytes // one may overlap another
  for (const secret of secrets)
    for (let at = before.indexOf(secret); at >= 0; at = before.indexOf(secret, at + 1))
      bytes.fill('*', at, at + secret.length)
}
