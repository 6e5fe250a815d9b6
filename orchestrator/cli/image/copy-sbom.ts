import { type Runtime, run } from '../../engines/container/runtime.ts'
import { OrchestrateError } from '../../errors.ts'

/** Where the Containerfile leaves it. */
const INSIDE = '/opt/worker/sbom.cdx.json'

/** Copies the image's bill of materials out of it; nothing of the image is run for that. */
export async function copySbom({ program, options }: Runtime, image: string, to: string): Promise<void> {
  const call = async (...args: string[]): Promise<string> => {
    const { failed, stdout, stderr } = await run(program, [...options, ...args])
    if (failed) throw new OrchestrateError('IMAGE_NOT_BUILT', `${program} ${args[0]}: ${stderr.trim()}`)
    return stdout.trim()
  }
  const container = await call('create', '--network', 'none', image)
  try {
    await call('cp', `${container}:${INSIDE}`, to)
  } finally {
    await call('rm', '--force', container)
  }
}
