import { Command } from 'commander'
import { connect } from '../client/connect.ts'
import { type Connection, examples, withConnection } from '../options.ts'
import { printJson, printLines } from '../print.ts'
import { cacheTable, cacheWhyLines } from '../view/cache-lines.ts'
import { refFromWords } from '../view/job-name.ts'

type Options = Connection & { json?: boolean }

export function command(): Command {
  const cache = new Command('cache')
    .description('The results that runs find instead of making them again.')
    .addCommand(listCommand())
    .addCommand(removeCommand())
    .addCommand(whyCommand())
  return examples(cache, [
    'orchestrate cache ls',
    "orchestrate cache why 'train[full]'",
    'orchestrate cache rm 3f9a1c2',
  ])
}

const json = (command: Command): Command =>
  withConnection(command).option('--json', 'one JSON document on standard output')

function listCommand(): Command {
  return json(new Command('ls').description('Lists the cached results, the newest first.')).action(
    async (options: Options) => {
      const cached = await (await connect(options)).cached()
      return options.json === true ? printJson({ cached }) : printLines(cacheTable(cached, Date.now()))
    },
  )
}

function removeCommand(): Command {
  const about = 'Deletes a result and its job’s checkpoints, at once, unless a run that isn’t over needs it.'
  return json(new Command('rm').description(about).argument('<job...>', jobWords)).action(
    async (words: string[], options: Options) => {
      const removed = await (await connect(options)).uncache(refFromWords(words))
      if (options.json === true) return printJson(removed)
      process.stdout.write(`deleted ${removed.key.slice(0, 7)}; the next run that needs it makes it again\n`)
    },
  )
}

function whyCommand(): Command {
  const about = 'Says which parts of a job’s key differ from those of the nearest job that is cached.'
  return json(new Command('why').description(about).argument('<job...>', jobWords)).action(
    async (words: string[], options: Options) => {
      const answer = await (await connect(options)).cacheWhy(refFromWords(words))
      return options.json === true ? printJson(answer) : printLines(cacheWhyLines(answer))
    },
  )
}

const jobWords = 'a stage, a stage and its cell, or a key'
