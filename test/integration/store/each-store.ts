import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe } from 'vitest'
import type { StoreAddress } from '../../../orchestrator/protocol/job-file.ts'
import { openStore } from '../../../orchestrator/store/open-store.ts'
import type { Store } from '../../../orchestrator/store/store.ts'
import { leftOut } from '../../support/left-out.ts'
import { type Ceph, startCeph, whyNoCeph } from './ceph.ts'

export type Bench = {
  /** An empty store. */
  open: () => Promise<Store>
  /** A second client of the same store. */
  reopen: (store: Store) => Promise<Store>
  /** What another process opens it by. */
  address: (store: Store) => StoreAddress
  /** A folder for local files, on the device of the filesystem store. */
  scratch: () => string
}

/** The same tests against a folder and against a real S3 server. */
export function describeEachStore(suite: (bench: Bench) => void): void {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'store-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  const scratch = () => join(folder, randomUUID())

  describe('a store in a folder', () => {
    suite({
      open: () => openStore({ url: pathToFileURL(scratch()).href }),
      reopen: (store) => openStore({ url: store.url }),
      address: ({ url }) => ({ url }),
      scratch,
    })
  })

  describeCeph('a store in S3', (ceph) => {
    suite({
      open: () => openStore({ url: `s3://${ceph().bucket}/${randomUUID()}`, endpoint: ceph().endpoint }),
      reopen: (store) => openStore({ url: store.url, endpoint: ceph().endpoint }),
      address: ({ url }) => ({ url, endpoint: ceph().endpoint }),
      scratch,
    })
  })
}

/** Tests against Ceph's gateway. Without it they are skipped, with the reason in their title, or fail where CI is set. */
export function describeCeph(title: string, suite: (ceph: () => Ceph) => void): void {
  const missing = whyNoCeph()
  const { skip, title: shown } = leftOut(title, missing)
  describe.skipIf(skip)(shown, () => {
    let ceph: Ceph | undefined
    beforeAll(async () => {
      if (missing) throw new Error(missing)
      ceph = await startCeph()
    })
    afterAll(() => ceph?.stop())
    suite(() => {
      if (!ceph) throw new Error('Ceph is not up')
      return ceph
    })
  })
}
