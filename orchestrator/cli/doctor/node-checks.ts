import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Check, missing, ok } from './check.ts'

type Package = { version?: string; dependencies?: Record<string, string>; devDependencies?: Record<string, string> }

/** Node itself, and the npm packages in the versions that the checkout pins. */
export async function nodeChecks(checkout: string): Promise<Check[]> {
  const [major = 0] = process.versions.node.split('.').map(Number)
  const node =
    major >= 24
      ? ok('Node', process.versions.node)
      : missing('Node', `${process.versions.node}; 24 is needed`, 'npm run setup')
  return [node, await packages(checkout)]
}

async function packages(checkout: string): Promise<Check> {
  const { dependencies = {}, devDependencies = {} } = await readPackage(join(checkout, 'package.json'))
  const wanted = Object.entries({ ...dependencies, ...devDependencies })
  const wrong = await Promise.all(
    wanted.map(async ([name, version]) => {
      const found = await readPackage(join(checkout, 'node_modules', name, 'package.json')).catch(() => null)
      return found?.version === version
        ? []
        : [`${name} ${version}${found === null ? '' : ` (found ${found.version})`}`]
    }),
  )
  const names = wrong.flat()
  return names.length === 0
    ? ok('npm packages', `${wanted.length}, as pinned`)
    : missing('npm packages', names.join(', '), 'npm run setup')
}

const readPackage = async (path: string): Promise<Package> => JSON.parse(await readFile(path, 'utf8')) as Package
