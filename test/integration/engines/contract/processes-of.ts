import { readdirSync, readFileSync } from 'node:fs'

/**
 * Processes of this machine that name the attempt in their environment or command line, whatever container or Slurm step
 * they run in; zombies don't count. What tests plant carries its attempt in its command line, so that nothing hides.
 */
export function processesOf(attempt: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const command = read(pid, 'cmdline')
      const names = command.includes(attempt) || read(pid, 'environ').includes(attempt)
      const state = read(pid, 'stat').split(') ').at(-1)?.[0] ?? 'Z'
      return names && state !== 'Z' ? [`${pid} ${state} ${command.replaceAll('\0', ' ')}`] : []
    })
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return '' // gone meanwhile
  }
}
