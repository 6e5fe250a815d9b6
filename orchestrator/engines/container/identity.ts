import type { Runtime } from './runtime.ts'

/** Whom the processes of a container run as, in the container's own numbers. */
export type Identity = {
  uid: number
  gid: number
  options: string[]
  /** Whether files of the attempt have to be given to them: the control plane is root, and they are not. */
  other: boolean
}

/** Of nobody else, and the same as in images that `orchestrate image build` makes. */
const WORKER = 10001

/**
 * Never root on the host. Files in what is mounted belong to whoever runs the control plane; where that is root, to a
 * user without rights.
 */
export function identityFor(runtime: Pick<Runtime, 'program' | 'rootless'>, uid: number, gid: number): Identity {
  if (uid === 0 && !runtime.rootless) return user(WORKER, WORKER, [], true)
  if (!runtime.rootless) return user(uid, gid)
  // Podman can let a user keep its number; in Docker's user namespace root is this user, and nobody else's files are.
  return runtime.program === 'podman' ? user(uid, gid, ['--userns=keep-id']) : user(0, 0)
}

const user = (uid: number, gid: number, options: string[] = [], other = false): Identity => ({
  uid,
  gid,
  options: [...options, `--user=${uid}:${gid}`],
  other,
})
