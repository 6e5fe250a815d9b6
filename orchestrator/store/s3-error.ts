import { OrchestrateError } from '../errors.ts'
import { isLocal } from './file-error.ts'

/** HTTP status of a failed request, or 0 when there was no answer. */
export function status(error: unknown): number {
  const metadata = error instanceof Error && '$metadata' in error ? error.$metadata : null
  return metadata && typeof metadata === 'object' && 'httpStatusCode' in metadata ? Number(metadata.httpStatusCode) : 0
}

const denied = new Set([
  'AccessDenied',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  'CredentialsProviderError',
  'RequestTimeTooSkewed',
])
const full = new Set(['QuotaExceeded', 'InsufficientStorage', 'XMinioStorageFull'])
const wrongBucket = new Set(['NoSuchBucket', 'InvalidBucketName', 'PermanentRedirect', 'MethodNotAllowed'])

/** What went wrong with a request, in the store's terms, naming the bucket and where it was looked for. */
export function translate(error: unknown, where: string): unknown {
  if (error instanceof OrchestrateError || !(error instanceof Error) || isLocal(error)) return error
  const say = (code: ConstructorParameters<typeof OrchestrateError>[0], what: string) =>
    new OrchestrateError(code, `${where}: ${what} (${detail(error)})`, { cause: error })
  const answer = status(error)
  if (full.has(error.name) || answer === 507) return say('STORE_FULL', 'the bucket is full')
  if (wrongBucket.has(error.name)) return say('STORE_UNWRITABLE', 'there is no such bucket')
  if (denied.has(error.name) || answer === 401 || answer === 403)
    return say('STORE_DENIED', 'the request was refused with these credentials')
  if (answer === 0 || answer >= 500 || answer === 429) return say('STORE_UNREACHABLE', 'the store does not answer')
  return say('STORE_UNWRITABLE', `the store refused the request with status ${answer}`)
}

// A refusal has a telling name and often no message; a failed connection the reverse.
const detail = ({ name, message }: Error) =>
  name === 'Error' ? message : /^(UnknownError)?$/.test(message) ? name : `${name}: ${message}`
