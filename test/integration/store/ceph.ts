import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { execa } from 'execa'

const folder = fileURLToPath(new URL('../../../infra/ceph-rgw/', import.meta.url))

/** What is missing for tests against a real S3 server, in a sentence, or null. */
export function whyNoCeph(): string | null {
  const missing = ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph'].filter(
    (tool) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).error !== undefined,
  )
  return missing.length > 0
    ? `${missing.join(', ')} missing: apt-get install --no-install-recommends ceph-mon ceph-osd radosgw ceph-common curl`
    : null
}

export type Ceph = {
  endpoint: string
  bucket: string
  /** Pid of the gateway, which answers to the endpoint. */
  gateway: () => Promise<number>
  /** Starts what has been killed, on the same data; resolves when it answers. */
  again: () => Promise<void>
  stop: () => Promise<void>
}

/** Starts Ceph's gateway in a folder of its own, with one bucket, and puts its credentials into the environment. */
export async function startCeph(): Promise<Ceph> {
  const dir = await mkdtemp(join(tmpdir(), 'ceph-'))
  const env = {
    S3_DIR: dir,
    S3_PORT: String(await freePort()),
    S3_STORE: 'memstore',
    S3_GIB: '2',
    S3_UNTIL_PID: String(process.pid),
  }
  const stop = async () => {
    await execa(join(folder, 'down.sh'), ['--wipe'], { env })
    await rm(dir, { recursive: true, force: true })
  }
  try {
    const { stdout: endpoint } = await execa(join(folder, 'up.sh'), { env })
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'testtest' })
    const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true })
    await client.send(new CreateBucketCommand({ Bucket: 'trial' }))
    client.destroy()
    const gateway = async () => Number.parseInt(await readFile(join(dir, 'run/client.rgw.pid'), 'utf8'), 10)
    const again = async () => void (await execa(join(folder, 'up.sh'), { env: { ...env, S3_UNTIL_PID: '' } }))
    return { endpoint, bucket: 'trial', gateway, again, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Below the ports that the system gives to outgoing connections, with room above it. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 11_000)
    if ((await isFree(port)) && (await isFree(port + 1))) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
