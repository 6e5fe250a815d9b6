/** What reaches a worker of the daemon's environment: credentials of the store, how long to try it, how to draw. */
export function workerEnv(): Record<string, string> {
  const names = [
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SESSION_TOKEN',
    'ORCHESTRATE_STORE_PATIENCE',
    'MUJOCO_GL',
  ]
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])))
}
