import { Command } from 'commander'
import { count, plural } from '../../report/figures.ts'
import type { Findings } from '../../server/api.ts'
import { connect } from '../client/connect.ts'
import { type Connection, examples, withConnection } from '../options.ts'
import { printJson, printLines } from '../print.ts'
import { ago } from '../view/figures.ts'
import { span } from '../view/line.ts'
import { table } from '../view/table.ts'

export function command(): Command {
  const recover = new Command('recover')
    .description(
      'Compares Redis with the store and with what the engines run, puts back what Redis lacks, and shows what was found; also what the daemon found by itself at its start or when Redis was started anew.',
    )
    .option('--json', 'one JSON document on standard output')
    .action(async (options: Connection & { json?: boolean }) => {
      const found = await (await connect(options)).recover()
      if (options.json === true) return printJson(found)
      // What was put back is the news; a comparison that changed nothing is shown only for now.
      const shown = [found.now, ...found.before.filter(hasChanged)].slice(0, shownAtMost)
      const columns = [
        { title: '' },
        ...shown.map(({ cause, at }) => ({ title: `${causes[cause]}${when(cause, at)}`, align: 'right' as const })),
      ]
      const rows = lines.map(({ name, of }) => [name, ...shown.map(of)])
      printLines([...table(columns, rows), [], [span(sentence(found.now), 'dim')]])
    })
  return examples(withConnection(recover), ['orchestrate recover', 'orchestrate recover --json'])
}

const shownAtMost = 4

const causes: Record<Findings['cause'], string> = { start: 'at start', restart: 'Redis came back', asked: 'now' }

const when = (cause: Findings['cause'], at: number): string => (cause === 'asked' ? '' : `, ${ago(at, Date.now())}`)

const hasChanged = ({ restored, tails, replaced, adopted, lost, strays, reservations }: Findings): boolean =>
  restored + tails + replaced + adopted + lost + strays + reservations.restored + reservations.givenBack > 0

const lines: { name: string; of: (found: Findings) => string }[] = [
  { name: 'jobs and runs in the store', of: ({ store }) => count(store) },
  { name: '  that Redis had', of: ({ ledger }) => count(ledger) },
  { name: '  put back whole', of: ({ restored }) => count(restored) },
  { name: '  put back at their end', of: ({ tails }) => count(tails) },
  { name: '  replaced: the store told another story', of: ({ replaced }) => count(replaced) },
  { name: 'events put back', of: ({ events }) => count(events) },
  { name: 'fences compared', of: ({ fences }) => count(fences) },
  { name: 'attempts taken up again', of: ({ adopted }) => count(adopted) },
  { name: 'attempts that run', of: ({ running }) => count(running) },
  { name: '  that ended meanwhile', of: ({ exited }) => count(exited) },
  { name: '  that are lost', of: ({ lost }) => count(lost) },
  { name: '  that nothing knows, ended', of: ({ strays }) => count(strays) },
  { name: 'reservations put back', of: ({ reservations }) => count(reservations.restored) },
  { name: '  given back', of: ({ reservations }) => count(reservations.givenBack) },
  { name: 'seconds', of: ({ seconds }) => seconds.toFixed(seconds < 10 ? 2 : 0) },
]

const sentence = (now: Findings): string =>
  hasChanged(now)
    ? `Redis has everything again; ${plural(now.running, 'attempt')} went on meanwhile.`
    : 'Redis has everything that the store has.'
