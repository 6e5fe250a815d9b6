import { fileURLToPath } from 'node:url'
import { OrchestrateError } from '../errors.ts'
import type { StoreAddress } from '../protocol/job-file.ts'
import { filesystemStore } from './filesystem.ts'
import type { Store } from './store.ts'

/** The store behind an address, untouched so far: call `probe()` before relying on it. */
export async function openStore(address: StoreAddress): Promise<Store> {
  const url = URL.parse(address.url)
  if (url?.protocol === 'file:' && url.host === '') {
    const root = fileURLToPath(url).replace(/\/+$/, '')
    if (root !== '') return filesystemStore(root)
  }
  if (url?.protocol === 's3:' && url.host !== '') {
    const { s3Store } = await import('./s3.ts') // the SDK takes long to load: only those who use it wait
    return s3Store(address)
  }
  throw new OrchestrateError('STORE_ADDRESS_INVALID', `${address.url} is no address of a store`)
}
