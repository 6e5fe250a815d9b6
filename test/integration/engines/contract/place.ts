import type { Engine, Launch } from '../../../../orchestrator/engines/engine.ts'

/** Somewhere that attempts run for real, as the contract sees it. */
export type Place = {
  /** Interpreter that the ranks are to be started with. */
  python: string
  /** A new engine each time, as a control plane that comes back makes one. The place closes them. */
  engine(): Engine
  /** Launches from a process of its own, and returns once that has been told that the attempt can't get lost. */
  controlPlane(launch: Launch): Promise<ControlPlane>
  /** Variables that the control plane sends along; hosts of others' have their own. */
  env: Record<string, string>
  /** What the place itself still knows of an attempt, a line each (containers, jobs, folders). Processes are looked for by the suite. */
  remains(attempt: string): Promise<string[]>
  /** Has the scheduler or runtime beneath forget an attempt that is over. */
  loseMemory(attempt: string): Promise<void>
  /** An engine of the same place in which nothing can start for now; null where nothing ever queues. */
  crowded(): Promise<{ engine: Engine /** What "why" must name. */; why: RegExp } | null>
  close(): Promise<void>
}

export type ControlPlane = { kill(): Promise<void> }
