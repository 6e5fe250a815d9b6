import type { RunView } from '../server/api.ts'
import type { Client } from './client/client.ts'
import { printWhole } from './print.ts'
import { endLines } from './view/end.ts'
import { isColourful, sizeOf } from './view/terminal.ts'

/** How a run went, and what to type next. Stays on the screen: what is too wide wraps, and nothing of it is lost. */
export async function printEnd(client: Client, view: RunView, out: NodeJS.WriteStream, file?: string): Promise<void> {
  const { columns } = sizeOf(out)
  const terminal = { width: Number.isFinite(columns) ? columns : 120, colour: isColourful(out) ? 1 : 0 } as const
  // Without the report there is still the run to tell of.
  const report = await client.report(view.run, 'text', terminal).catch(() => null)
  printWhole([[], ...endLines(view, { report, columns, ...(file === undefined ? {} : { file }) })], out)
}
