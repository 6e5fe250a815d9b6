import type { HostView } from '../../server/api.ts'
import { ago } from './figures.ts'
import { type Line, type Span, span } from './line.ts'
import { table } from './table.ts'

/** Hosts with an agent: what they have, what is free, and when they were last heard of. */
export function hostsTable(hosts: HostView[], now: number): Line[] {
  const columns = [
    { title: 'pool' },
    { title: 'host' },
    { title: 'state' },
    { title: 'cores free', align: 'right' as const },
    { title: 'GPUs free', align: 'right' as const },
    { title: 'attempts', align: 'right' as const },
    { title: 'heard', style: 'dim' as const },
  ]
  return table(
    columns,
    hosts.map(({ pool, host, state, cores, gpus, attempts, heardAt }) => [
      pool,
      span(host, 'bold'),
      stateOf(state),
      `${cores.free}/${cores.all}`,
      `${gpus.free}/${gpus.all}`,
      String(attempts),
      heardAt === null ? '' : ago(heardAt, now),
    ]),
  )
}

function stateOf(state: HostView['state']): Span {
  switch (state) {
    case 'live':
      return span('✔ live', 'good')
    case 'draining':
      return span('◐ draining', 'busy')
    case 'left':
      return span('■ left', 'dim')
    case 'lost':
      return span('✘ lost', 'bad')
  }
}
