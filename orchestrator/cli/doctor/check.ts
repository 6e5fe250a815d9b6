/** One thing that a machine needs, or may have. */
export type Check = {
  name: string
  /** `missing` and `broken` end `doctor` with exit code 4; `absent` is only said. */
  state: 'ok' | 'missing' | 'broken' | 'absent'
  found: string
  /** The line to type, where something is missing or broken. */
  fix: string | null
}

export const ok = (name: string, found: string): Check => ({ name, state: 'ok', found, fix: null })
export const missing = (name: string, found: string, fix: string): Check => ({ name, state: 'missing', found, fix })
export const broken = (name: string, found: string, fix: string): Check => ({ name, state: 'broken', found, fix })
export const absent = (name: string, found: string, fix: string | null = null): Check => ({
  name,
  state: 'absent',
  found,
  fix,
})

/** The line as this user has to type it, of a command that only root may do. */
export const asRoot = (line: string): string => `${process.getuid?.() === 0 ? '' : 'sudo '}${line}`

export const aptInstall = (...packages: string[]): string => asRoot(`apt-get install -y ${packages.join(' ')}`)
