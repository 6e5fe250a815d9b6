/** Names of everything in Redis. The braces make one hash slot of a namespace, so that scripts over many keys work on a cluster. */
export type Keys = ReturnType<typeof keysOf>

/** `namespace` keeps what belongs to different stores apart where they share one Redis. */
export function keysOf(namespace: string) {
  if (!/^[^{}\s]+$/.test(namespace)) throw new Error(`a namespace has no braces and no spaces: ${namespace}`)
  const prefix = `orchestrate:{${namespace}}`
  return {
    prefix,
    /** List: the events of one aggregate, in order. */
    log: (aggregate: string) => `${prefix}:log:${aggregate}`,
    /** Sorted set: aggregates of one kind by the time of their first event. */
    index: (kind: string) => `${prefix}:index:${kind}`,
    /** Hash: aggregate -> 'from to', the events that the store doesn't have yet. */
    unmirrored: `${prefix}:unmirrored`,
    /** Hash: host -> its capacity. */
    hosts: (pool: string) => `${prefix}:pool:${pool}:hosts`,
    /** Hash: attempt -> what it has reserved. */
    reservations: (pool: string) => `${prefix}:pool:${pool}:reservations`,
    /** Hash: what the reservations come to, host by host. Made anew where it is missing. */
    tally: (pool: string) => `${prefix}:pool:${pool}:tally`,
    /** Sorted set: attempts that are over, by when they ended. */
    ended: (pool: string) => `${prefix}:pool:${pool}:ended`,
    /** Hash: host -> 'state beat incarnation facts' of its agent. */
    agents: (pool: string) => `${prefix}:pool:${pool}:agents`,
    /** Hash: attempt -> 'state host incarnation detail', of those handed to agents. */
    handed: (pool: string) => `${prefix}:pool:${pool}:handed`,
    /** Stream: what a host's agent tells, in order, until the control plane has it. */
    told: (pool: string, host: string) => `${prefix}:pool:${pool}:told:${host}`,
    /** String, short-lived: a control plane that has the pool. */
    conducted: (pool: string) => `${prefix}:pool:${pool}:conducted`,
    /** String: the server and the control plane (its epoch) that these data were last compared with the store by. */
    compared: `${prefix}:compared`,
    /** Written and forgotten to see whether writing works. */
    probe: `${prefix}:probe`,
    /** BullMQ puts its keys under this. */
    queue: `${prefix}:queue`,
  }
}
