const FILES =
  /^(job\.json|exit(\.\d+)?\.json|events\.\d+\.jsonl|std(out|err)\.\d+\.log|stacks\.\d+\.txt|launcher\.log)$/
const PART = /^[^/\0]{1,255}$/

/** Files of an attempt's directory that travel from its host to the control plane: what it says, never its secrets or outputs. */
export const isSpoken = (file: string): boolean => FILES.test(file)

/** These, and what its events show: a picture, a clip. Nothing that leads out of its directory or names what has a meaning here. */
export function isTold(file: string): boolean {
  if (isSpoken(file)) return true
  const parts = file.split('/')
  return (
    file.length < 1024 &&
    parts.every((part) => PART.test(part) && !part.startsWith('.')) &&
    !/^(claim|secrets\.json|over\.json)/.test(file) &&
    !file.endsWith('.half')
  )
}
