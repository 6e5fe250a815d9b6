import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** What a run keeps of the repository that it came from: null where there is none, or no git. */
export type GitFacts = { commit: string | null; patch: string | null }

const atMost = 16 * 1024 ** 2

/** The commit of the repository around `folder`, and what was changed since, secret values left out. */
export async function gitFacts(folder: string, secrets: string[]): Promise<GitFacts> {
  const [commit, diff] = await Promise.all([
    git(folder, ['rev-parse', 'HEAD']),
    git(folder, ['diff', 'HEAD', '--no-ext-diff', '--no-color']),
  ])
  if (commit === null) return { commit: null, patch: null }
  const patch = secrets
    .filter((value) => value !== '')
    .reduce((text, value) => text.replaceAll(value, '[redacted]'), diff ?? '')
  return { commit: commit.trim(), patch: patch === '' ? null : patch }
}

async function git(folder: string, args: string[]): Promise<string | null> {
  // No git, no repository, no commit yet, or a difference too large to keep: none of them hinders a run.
  const { stdout } = await promisify(execFile)('git', args, { cwd: folder, maxBuffer: atMost }).catch(() => ({
    stdout: null,
  }))
  return stdout
}
