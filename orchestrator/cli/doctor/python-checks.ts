import { access, constants } from 'node:fs/promises'
import { execa, type Options } from 'execa'
import { aptInstall, type Check, missing, ok } from './check.ts'

const versionLine = 'import sys; print("%d.%d.%d" % sys.version_info[:3], sys.prefix != sys.base_prefix)'
const torchLine =
  'import torch; print(torch.__version__, "CUDA " + torch.version.cuda if torch.cuda.is_available() else "CPU")'
const metaworldLine =
  'import importlib.metadata as m, metaworld; print(m.version("metaworld"), "mujoco", m.version("mujoco"))'
const renderLine =
  'import mujoco; c = mujoco.GLContext(64, 64); c.make_current(); print("renders off screen"); c.free()'

/** The interpreter that workers get, and what the quickstart's worker imports. Imports are tried: a package can be there and broken. */
export async function pythonChecks(python: string): Promise<Check[]> {
  const interpreter = await pythonCheck(python)
  if (interpreter.state !== 'ok') return [interpreter]
  return [
    interpreter,
    ...(await Promise.all([
      importCheck('PyTorch', python, torchLine, 'npm run setup'),
      importCheck('Meta-World', python, metaworldLine, 'npm run setup'),
      importCheck('EGL', python, renderLine, aptInstall('libegl1', 'libegl-mesa0', 'libgl1-mesa-dri', 'libopengl0'), {
        MUJOCO_GL: 'egl',
      }),
    ])),
  ]
}

async function pythonCheck(python: string): Promise<Check> {
  if (
    python.includes('/') &&
    !(await access(python, constants.X_OK).then(
      () => true,
      () => false,
    ))
  ) {
    return missing('Python', `${python} is not there`, 'npm run setup')
  }
  const { failed, output } = await tryPython(python, versionLine)
  if (failed) return missing('Python', lastLine(output), aptInstall('python3', 'python3-venv'))
  const [version = '', inVenv = ''] = output.split(' ')
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < 3 || (major === 3 && minor < 11))
    return missing('Python', `${version}; 3.11 or newer is needed`, aptInstall('python3', 'python3-venv'))
  return inVenv === 'True'
    ? ok('Python', `${version} (${python})`)
    : missing('Python', `${version}, but no virtual environment`, 'npm run setup')
}

async function importCheck(
  name: string,
  python: string,
  line: string,
  fix: string,
  env: Record<string, string> = {},
): Promise<Check> {
  const { failed, output } = await tryPython(python, line, env)
  return failed ? missing(name, lastLine(output), fix) : ok(name, lastLine(output))
}

async function tryPython(python: string, line: string, env: Record<string, string> = {}) {
  const options = { reject: false, all: true, env, timeout: 120_000, stdin: 'ignore' } as const satisfies Options
  const { failed, all, timedOut } = await execa(python, ['-c', line], options)
  return { failed, output: timedOut ? 'no answer within two minutes' : (all ?? '').trim() }
}

const lastLine = (text: string): string => text.split('\n').at(-1) || 'it said nothing'
