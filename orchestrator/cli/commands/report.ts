import { Command, Option } from 'commander'
import { connect } from '../client/connect.ts'
import { type Connection, examples, withConnection } from '../options.ts'
import { shownPath } from '../view/end.ts'

type Options = Connection & { format: 'md' | 'html' | 'json'; path?: boolean; json?: boolean }

export function command(): Command {
  const report = new Command('report')
    .description('Prints the report of a run as it stands, and where its HTML file is.')
    .argument('[run]', 'a run, or `latest`', 'latest')
    .addOption(new Option('--format <format>', 'what to print').choices(['md', 'html', 'json']).default('md'))
    .option('--path', 'print only the path of the HTML file')
    .option('--json', 'the same as --format json')
    .action(async (run: string, options: Options) => {
      const client = await connect(options)
      const format = options.json === true ? 'json' : options.format
      // Asking for it also writes the file.
      const text = await client.report(run, options.path === true ? 'html' : format)
      const path = format === 'md' || options.path === true ? (await client.run(run)).report : null
      if (options.path !== true) process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
      if (path === null) return
      process.stdout.write(options.path === true ? `${path}\n` : `\nreport   ${shownPath(path)}\n`)
    })
  return examples(withConnection(report), [
    'orchestrate report',
    'orchestrate report r-7k2pq --format html > report.html',
    'xdg-open "$(orchestrate report --path)"',
  ])
}
