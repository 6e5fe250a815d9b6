import { once } from 'node:events'
import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** A registry that has one image, as `podman save --format oci-dir` left it in a folder. */
export type Registry = {
  address: string
  /** Digest of the image's manifest. */
  digest: string
  /** How often a blob was fetched, by digest. */
  fetched: Map<string, number>
  /** As long as it is closed, no layer is sent. */
  gate: { open: boolean }
  close: () => Promise<void>
}

export async function startRegistry(folder: string): Promise<Registry> {
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'))
  const { digest, mediaType } = index.manifests[0] as { digest: string; mediaType: string }
  const manifest = readFileSync(join(folder, 'blobs', digest.replace(':', '/')), 'utf8')
  const { config } = JSON.parse(manifest) as { config: { digest: string } }
  const fetched = new Map<string, number>()
  const gate = { open: false }
  const server = createServer(async ({ url = '', method }, response) => {
    const [, kind, wanted = ''] = /^\/v2\/.+\/(manifests|blobs)\/(sha256:[0-9a-f]{64})$/.exec(url) ?? []
    const path = join(folder, 'blobs', wanted.replace(':', '/'))
    if (url === '/v2/') return response.end('{}')
    if (kind === undefined || !existsSync(path)) return response.writeHead(404).end()
    if (kind === 'blobs') fetched.set(wanted, (fetched.get(wanted) ?? 0) + 1)
    while (kind === 'blobs' && wanted !== config.digest && !gate.open && !response.destroyed) await pause(20)
    response.writeHead(200, {
      'content-type': kind === 'manifests' ? mediaType : 'application/octet-stream',
      'docker-content-digest': wanted,
    })
    if (method === 'HEAD') return response.end()
    createReadStream(path).pipe(response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, digest, fetched, gate, close }
}
