import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// The cache stays in the checkout: nothing outside it is touched. It halves the time to the first line.
enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/orchestrate', import.meta.url)))

// `orchestrate logs | head` closes the pipe early: not an error of anybody's.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}

const { main } = await import('./program.ts')
process.exitCode = await main(process.argv.slice(2))
