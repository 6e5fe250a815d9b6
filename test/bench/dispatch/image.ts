import { execa } from 'execa'
import { podmanBuild, podmanOptions, testBase } from '../../support/container.ts'

const name = 'localhost/orchestrate-bench-dispatch'

/**
 * The small Debian of the tests, with its Python's library compiled, as it is in an image that was installed: else each
 * start compiles anew what it imports. Returns its name by digest.
 */
export async function benchImage(): Promise<string> {
  const input = `FROM ${testBase().name}\nRUN ["python3", "-m", "compileall", "-q", "/usr/lib"]\n`
  await execa('podman', [...podmanOptions, 'build', ...podmanBuild, '--quiet', '--tag', name, '-'], { input })
  const format = '{{index .RepoDigests 0}}'
  return (await execa('podman', ['image', 'inspect', '--format', format, name])).stdout
}
