import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { OrchestrateError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { StoreAddress } from '../protocol/job-file.ts'
import { isLocal } from './file-error.ts'
import { asFolder, byBytes, checkKey } from './key.ts'
import { fillFile } from './local-file.ts'
import { probeStore } from './probe.ts'
import { status, translate } from './s3-error.ts'
import type { Digest, Store } from './store.ts'

/** A store in a bucket of anything that speaks S3 and honours `If-None-Match: *`. Credentials come from the environment. */
export function s3Store(address: StoreAddress): Store {
  const { host: Bucket, pathname } = new URL(address.url)
  const prefix = asFolder(decodeURIComponent(pathname.replace(/^\/+|\/+$/g, '')))
  const where = `bucket ${Bucket}${address.endpoint ? ` at ${address.endpoint}` : ''}`
  const client = connect(address)
  const at = (key: string) => ({ Bucket, Key: prefix + checkKey(key) })

  const calling = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw translate(error, where)
    }
  }

  /** Reads an object through `use`, from the start again where the connection breaks; null if there is none. */
  const read = <T>(key: string, use: (body: Readable) => Promise<T>): Promise<T | null> =>
    calling(async () => {
      for (let attempt = 1; ; attempt++) {
        const body = await client.send(new GetObjectCommand(at(key))).then(
          (answer) => answer.Body,
          (error: unknown) => {
            if (error instanceof Error && error.name === 'NoSuchKey') return null
            throw error
          },
        )
        if (body === null) return null
        if (!(body instanceof Readable)) throw new TypeError('the S3 client did not answer with a stream')
        try {
          return await use(body)
        } catch (error) {
          if (attempt === limits.store.attempts || isLocal(error)) throw error
        }
      }
    })

  async function* pages(folder: string, Delimiter?: string) {
    let ContinuationToken: string | undefined
    do {
      const page = await calling(() =>
        client.send(new ListObjectsV2Command({ Bucket, Prefix: folder, Delimiter, ContinuationToken })),
      )
      yield page
      ContinuationToken = page.NextContinuationToken
    } while (ContinuationToken)
  }

  const store: Store = {
    url: address.url.replace(/\/+$/, ''),

    create: (key, body) =>
      calling(async () => {
        for (let conflict = 1; ; conflict++) {
          try {
            await client.send(new PutObjectCommand({ ...at(key), Body: bytes(body), IfNoneMatch: '*' }))
            return 'created'
          } catch (error) {
            if (status(error) === 412) return 'exists'
            if (status(error) !== 409 || conflict === limits.store.conflicts) throw error
            await pause(limits.store.conflictPause * (1 + Math.random()))
          }
        }
      }),

    put: (key, body) =>
      calling(async () => {
        await client.send(new PutObjectCommand({ ...at(key), Body: bytes(body) }))
      }),

    putFile: async (key, path) => {
      const target = at(key)
      const { size } = await stat(path).catch((error: unknown) => {
        throw new OrchestrateError('INPUT_NOT_FOUND', `${path} cannot be read`, { cause: error })
      })
      return calling(async () => {
        const counted = counter()
        const source = createReadStream(path, { highWaterMark: Math.min(Math.max(size, 1), 1 << 20) })
        const upload = new Upload({
          client,
          params: { ...target, Body: Readable.from(counted.through(source), { objectMode: false }) },
          partSize: Math.max(limits.store.partBytes, Math.ceil(size / limits.store.maxParts)),
          queueSize: limits.store.partsAtOnce,
        })
        await upload.done().finally(() => source.destroy())
        return counted.digest()
      })
    },

    putLog: async (key, path) => {
      await store.putFile(key, path)
    },

    get: (key) =>
      read(key, async (body) => {
        const chunks: Buffer[] = []
        for await (const chunk of body) chunks.push(chunk)
        return Buffer.concat(chunks)
      }),

    getFile: async (key, path, sha256) => {
      checkKey(key)
      await fillFile(path, `${store.url}/${key}`, sha256, async (part) => {
        const found = await read(key, async (body) => {
          const counted = counter()
          await pipeline(counted.through(body), createWriteStream(part, { flush: true }))
          return counted.digest()
        })
        if (found === null) throw new OrchestrateError('OBJECT_MISSING', `${store.url}/${key} is not there`)
        return found
      })
    },

    head: (key) =>
      calling(async () => {
        try {
          const found = await client.send(new HeadObjectCommand(at(key)))
          return { key, size: found.ContentLength ?? 0, modified: found.LastModified?.getTime() ?? 0 }
        } catch (error) {
          if (status(error) === 404) return null
          throw error
        }
      }),

    digest: (key) =>
      read(key, async (body) => {
        const counted = counter()
        for await (const _ of counted.through(body));
        return counted.digest()
      }),

    async *list(under) {
      for await (const page of pages(prefix + asFolder(under))) {
        for (const { Key, Size, LastModified } of page.Contents ?? []) {
          if (Key) yield { key: Key.slice(prefix.length), size: Size ?? 0, modified: LastModified?.getTime() ?? 0 }
        }
      }
    },

    children: async (under) => {
      const folder = prefix + asFolder(under)
      const found: string[] = []
      for await (const page of pages(folder, '/')) {
        for (const { Prefix } of page.CommonPrefixes ?? []) if (Prefix) found.push(Prefix.slice(folder.length))
        for (const { Key } of page.Contents ?? []) if (Key) found.push(Key.slice(folder.length))
      }
      return found.sort(byBytes)
    },

    delete: (key) =>
      calling(async () => {
        await client.send(new DeleteObjectCommand(at(key)))
      }),

    probe: () => probeStore(store),
  }
  return store
}

// The client takes an empty string for a stream of unknown length, and complains.
const bytes = (body: Uint8Array | string) => (typeof body === 'string' ? Buffer.from(body) : body)

function connect(address: StoreAddress): S3Client {
  return new S3Client({
    region: address.region ?? process.env.AWS_REGION ?? 'us-east-1',
    ...(address.endpoint ? { endpoint: address.endpoint, forcePathStyle: true } : {}),
    // Many servers other than Amazon's reject the trailing checksums that the SDK adds by default.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: limits.store.attempts,
    requestHandler: {
      connectionTimeout: limits.store.connectTimeout,
      socketTimeout: limits.store.idleTimeout,
      requestTimeout: limits.store.requestTimeout,
      throwOnRequestTimeout: true,
    },
  })
}

/** Measures what flows through it. */
function counter() {
  const hash = createHash('sha256')
  let size = 0
  return {
    async *through(source: Readable): AsyncGenerator<Buffer> {
      for await (const chunk of source) {
        hash.update(chunk)
        size += chunk.length
        yield chunk
      }
    },
    digest: (): Digest => ({ size, sha256: hash.digest('hex') }),
  }
}
