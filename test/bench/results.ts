import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { format } from 'node:util'

/** Keeps what is printed from now on, line by line. */
export function keepPrinted(): readonly string[] {
  const kept: string[] = []
  const print = console.log
  console.log = (...words: unknown[]) => {
    kept.push(format(...words))
    print(...words)
  }
  return kept
}

/** Writes the page that is kept of a benchmark: what it printed, and what has to be known to read it, a sentence each. */
export async function writeResults(
  name: string,
  printed: readonly string[],
  notes: readonly string[],
): Promise<string> {
  const path = join(import.meta.dirname, name, 'RESULTS.md')
  const page = `# What \`npm run bench -- ${name}\` found

${notes.map((note) => `- ${note}\n`).join('')}
\`\`\`text
${printed.join('\n')}
\`\`\`
`
  await writeFile(path, page)
  return path
}
