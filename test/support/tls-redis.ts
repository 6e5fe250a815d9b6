import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { findRedisServer } from '../../orchestrator/ledger/find-redis-server.ts'

export type TlsRedis = {
  /** `rediss://` with a password. */
  url: string
  port: number
  password: string
  /** Environment by which a client trusts it. */
  env: Record<string, string>
  folder: string
  /** Kills it, and starts it anew at the same address with nothing in it. */
  forget(): Promise<void>
  end(): Promise<void>
}

/**
 * A real Redis that answers over TLS only and asks for a password, with an append-only file; its certificate was signed
 * by an authority of the test's own. `clients`: whether it asks for their certificates too.
 */
export async function tlsRedis(clients: 'no' | 'yes' = 'no'): Promise<TlsRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'otls-'))
  makeCertificates(folder)
  const password = `pass-${Math.random().toString(36).slice(2)}`
  let started = await start(folder, password, clients)
  for (let tries = 1; started === null && tries < 5; tries++) started = await start(folder, password, clients)
  if (started === null) throw new Error('Redis did not start with TLS')
  const { port } = started
  let { server } = started
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    const gone = once(server, 'exit')
    server.kill(signal)
    await gone
  }
  return {
    url: `rediss://:${password}@127.0.0.1:${port}`,
    port,
    password,
    env: { ORCHESTRATE_REDIS_CA: join(folder, 'ca.crt') },
    folder,
    async forget() {
      await stop('SIGKILL')
      rmSync(join(folder, 'appendonlydir'), { recursive: true })
      const again = await start(folder, password, clients, port)
      if (again === null) throw new Error('Redis did not start again')
      server = again.server
    },
    async end() {
      await stop('SIGTERM')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Null where somebody took the port, which was free a moment before. */
async function start(
  folder: string,
  password: string,
  clients: 'no' | 'yes',
  at?: number,
): Promise<{ server: ChildProcess; port: number } | null> {
  const { binary } = await findRedisServer()
  const port = at ?? (await freePort())
  const file = (name: string) => join(folder, name)
  const options = {
    port: '0',
    'tls-port': `${port}`,
    bind: '127.0.0.1',
    'tls-ca-cert-file': file('ca.crt'),
    'tls-cert-file': file('redis.crt'),
    'tls-key-file': file('redis.key'),
    'tls-auth-clients': clients,
    requirepass: password,
    dir: folder,
    appendonly: 'yes',
    appendfsync: 'always',
    'maxmemory-policy': 'noeviction',
  }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  const server = spawn(binary, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: server.stdout }))
    if (/ready to accept connections/i.test(line)) {
      server.stdout.resume()
      return { server, port }
    }
  return null
}

/** An authority, and certificates that it signed for the server and for a client. */
export function makeCertificates(folder: string, names = ['redis', 'client']): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  openssl('req', '-x509', ...ec, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=test authority')
  for (const name of names) {
    openssl(
      ...['req', '-x509', '-CA', 'ca.crt', '-CAkey', 'ca.key', ...ec, '-keyout', `${name}.key`, '-out', `${name}.crt`],
      ...['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'],
      ...['-addext', 'basicConstraints=critical,CA:FALSE'],
    )
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
