import { Command, InvalidArgumentError } from 'commander'
import { OrchestrateError } from '../../errors.ts'
import { makeToken, type Token } from '../../server/access/token.ts'
import { keepToken, listTokens, removeToken } from '../../server/access/token-files.ts'
import { makeStateDir } from '../../server/settings.ts'
import { stateDirectory } from '../client/connect.ts'
import { type Connection, examples, wholeNumber } from '../options.ts'
import { printJson, printLines } from '../print.ts'
import { span } from '../view/line.ts'
import { table } from '../view/table.ts'

const DAY = 24 * 60 * 60_000

type Here = Pick<Connection, 'state'> & { json?: boolean }
type Create = Here & { name: string; pipelines: string[]; pools: string[]; days: number }

export function command(): Command {
  const token = new Command('token').description(
    'Tokens for CI: with one, a machine elsewhere submits the pipelines and uses the pools that it names, and sees and cancels its own runs. They are kept in the state directory, as hashes. Once there was one, an address asks for one.',
  )
  here(token.command('create').description('Makes a token, and shows it this once.'))
    .requiredOption('--name <name>', 'whose it is; its runs are shown as theirs')
    .requiredOption('--pipelines <names>', 'what it may submit, as `ablations*,quickstart`', names)
    .requiredOption('--pools <names>', 'where that may run, as `local,slurm`', names)
    .option('--days <number>', 'how long it is good for; 0: until it is removed', wholeNumber, 90)
    .action(create)
  here(token.command('ls').description('Lists the tokens.')).action(list)
  here(token.command('rm').description('Removes a token: it is refused from the next request on.'))
    .argument('<token>', 'its id or its name')
    .action(remove)
  return examples(token, [
    "orchestrate token create --name ci --pipelines 'ablations*' --pools local,slurm",
    'orchestrate token ls',
    'orchestrate token rm ci',
  ])
}

const here = (command: Command): Command =>
  command
    .option('--state <folder>', 'the state directory of the server ($ORCHESTRATE_STATE)')
    .option('--json', 'one JSON document on standard output')

async function create({ name, pipelines, pools, days, ...options }: Create): Promise<void> {
  const stateDir = stateDirectory(options)
  makeStateDir(stateDir)
  const createdAt = Date.now()
  const expiresAt = days === 0 ? null : createdAt + days * DAY
  if ((await listTokens(stateDir)).some((one) => one.name === name))
    throw new OrchestrateError('ARGUMENT_INVALID', `there is a token ${name} already: \`orchestrate token rm ${name}\``)
  const { token, text } = makeToken({ role: 'ci', name, pipelines, pools, createdAt, expiresAt })
  await keepToken(stateDir, token)
  if (options.json === true) return printJson({ ...shown(token), token: text })
  process.stdout.write(`${text}\n`)
  process.stderr.write('It is not shown again. Whoever uses it sets ORCHESTRATE_TOKEN to it.\n')
}

async function list(options: Here): Promise<void> {
  const tokens = await listTokens(stateDirectory(options))
  if (options.json === true) return printJson(tokens.map(shown))
  if (tokens.length === 0) return printLines([[span('no tokens', 'dim')]])
  const columns = ['id', 'name', 'role', 'pipelines', 'pools', 'until'].map((title) => ({ title }))
  const rows = tokens.map(({ id, name, role, pipelines, pools, expiresAt }) => {
    const until = expiresAt === null ? 'removed' : new Date(expiresAt).toISOString().slice(0, 10)
    return [id, name, role, pipelines.join(','), pools.join(','), until]
  })
  printLines(table(columns, rows))
}

async function remove(ref: string, options: Here): Promise<void> {
  const stateDir = stateDirectory(options)
  const token = (await listTokens(stateDir)).find((one) => one.id === ref || one.name === ref)
  if (!token) throw new OrchestrateError('ARGUMENT_INVALID', `there is no token ${ref}: \`orchestrate token ls\``)
  await removeToken(stateDir, token)
  process.stdout.write(`removed ${token.name}\n`)
}

const shown = ({ hash: _, ...token }: Token): Omit<Token, 'hash'> => token

function names(value: string): string[] {
  const found = value.split(',').map((name) => name.trim())
  if (found.every((name) => name !== '')) return found
  throw new InvalidArgumentError('expected names with commas between them.')
}
