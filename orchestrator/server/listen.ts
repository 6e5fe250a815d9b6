import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { OrchestrateError } from '../errors.ts'
import { socketPath } from '../ledger/socket-path.ts'
import type { Settings } from './settings.ts'
import type { Undo } from './undo.ts'

export type Api = {
  app: FastifyInstance
  /** Whether it came by the state directory's socket, which only this user can open. */
  isLocal: (request: IncomingMessage) => boolean
  listen: (settings: Settings, undo: Undo) => Promise<void>
}

/** An HTTP server without routes yet, that will listen on the state directory's socket and, if asked to, on TCP. */
export function makeApi(log: Logger): Api {
  let handle: RequestListener = () => {}
  // Named where they come in: of a connection that is gone, its address no longer tells.
  const local = new WeakSet<IncomingMessage>()
  const app = Fastify({
    serverFactory: (handler) => {
      handle = handler
      return createServer((request, response) => {
        local.add(request)
        handler(request, response)
      })
    },
    loggerInstance: log.child({ part: 'http' }, { level: 'warn' }) as FastifyBaseLogger, // a request is no news
    bodyLimit: 64 << 20,
    forceCloseConnections: true,
  })
  return {
    app,
    isLocal: (request) => local.has(request),
    listen: async (settings, undo) => {
      await listenOnSocket(app, settings, undo)
      if (settings.tcp) await listenOnTcp((request, response) => handle(request, response), settings.tcp, undo)
    },
  }
}

async function listenOnSocket(app: FastifyInstance, settings: Settings, undo: Undo): Promise<void> {
  const path = socketPath(settings.stateDir, 'daemon.sock')
  rmSync(path, { force: true }) // the lock says that whoever left it is gone
  undo.push(async () => {
    await app.close()
    rmSync(path, { force: true })
  })
  await app.listen({ path })
}

/** The same API at an address for browsers and other machines: a second server before the same handler. */
async function listenOnTcp(handle: RequestListener, tcp: NonNullable<Settings['tcp']>, undo: Undo): Promise<void> {
  const server = tcp.tls
    ? createTlsServer({ cert: readTls(tcp.tls.cert), key: readTls(tcp.tls.key) }, handle)
    : createServer(handle)
  try {
    server.listen(tcp.port, tcp.host)
    await once(server, 'listening')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
    throw new OrchestrateError('PORT_IN_USE', `port ${tcp.port} on ${tcp.host} is in use by another program`, { cause })
  }
  undo.push(() => {
    server.close()
    server.closeAllConnections()
  })
}

function readTls(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new OrchestrateError('INPUT_NOT_FOUND', `${path}: ${(cause as Error).message}`, { cause })
  }
}
