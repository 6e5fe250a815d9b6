export type LeftOut = { skip: boolean; title: string }

/**
 * What becomes of tests for which this machine lacks something (`missing`: a sentence, or null). They are left out with the
 * reason in their title; but where CI is set they run, and say by failing what is missing, unless it is nobody's to install.
 */
export function leftOut(title: string, missing: string | null, { installable = true } = {}): LeftOut {
  const skip = missing !== null && !(installable && process.env.CI)
  if (skip) console.warn(`skipped: ${title}: ${missing}`)
  return { skip, title: skip ? `${title} (${missing})` : title }
}
