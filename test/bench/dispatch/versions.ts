import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { root } from '../../support/spawn-daemon.ts'

/** What is compared, in the versions that are on this machine, or that would be installed. */
export async function versions(): Promise<string> {
  const said = async (...[program = '', ...args]: string[]): Promise<string> => {
    const { stdout, failed } = await execa(program, args, { reject: false })
    return failed ? '' : stdout.trim()
  }
  const pinned = async (name: 'ray' | 'submitit'): Promise<string> =>
    new RegExp(`^${name}==(.*)$`, 'm').exec(await readFile(join(import.meta.dirname, `${name}.txt`), 'utf8'))?.[1] ??
    '?'
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const found = await Promise.all([
    said(process.env.ORCHESTRATE_PYTHON ?? join(root, '.venv/bin/python'), '--version'),
    said('/usr/sbin/slurmctld', '-V'),
    said('podman', '--version'),
  ])
  return [
    ...found.filter(Boolean),
    `submitit ${await pinned('submitit')}`,
    `Ray ${await pinned('ray')}`,
    `BullMQ ${dependencies.bullmq}`,
  ].join(', ')
}
