import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'

export type LossyProxy = {
  socket: string /** The next reply is swallowed, and its connection cut. */
  loseNextReply(): void
  lost(): number
  close(): Promise<void>
}

/** Passes a Redis connection through, until told to lose a reply: the server did what it was asked, and nobody was told. */
export async function lossyProxy(folder: string, upstream: string): Promise<LossyProxy> {
  let lose = false
  let lost = 0
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const redis = connect(upstream)
    for (const socket of [client, redis]) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        client.destroy()
        redis.destroy()
      })
    }
    client.on('data', (chunk) => redis.write(chunk))
    redis.on('data', (chunk) => {
      if (!lose) {
        client.write(chunk)
        return
      }
      lose = false
      lost += 1
      client.destroy()
    })
  })
  const socket = join(folder, 'lossy.sock')
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return {
    socket,
    loseNextReply: () => {
      lose = true
    },
    lost: () => lost,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const each of open) each.destroy()
      }),
  }
}
