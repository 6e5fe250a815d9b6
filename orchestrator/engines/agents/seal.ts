import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'

/**
 * Secrets on their way to an agent, which pass through Redis, its files and its backups: sealed for the one process that
 * may read them, with a key that exists nowhere but in its memory. X25519 with a key pair per message (so the sender
 * can't open it later either), HKDF-SHA256, AES-256-GCM; as in RFC 9180, without its framing. Against somebody who can
 * write to Redis, and so pass for an agent, this doesn't help: nothing does, as they may start programs too.
 */
export type Sealed = { key: string; nonce: string; box: string }

export type KeyPair = { publicKey: string; privateKey: KeyObject }

export function newKeyPair(): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  return { publicKey: encodeKey(publicKey), privateKey }
}

/** `context` says what it is for: it opens only with the same. */
export function seal(text: string, publicKey: string, context: string): Sealed {
  const own = generateKeyPairSync('x25519')
  const nonce = randomBytes(12)
  const sender = encodeKey(own.publicKey)
  const cipher = createCipheriv('aes-256-gcm', sharedKey(own.privateKey, publicKey, sender + publicKey), nonce)
  cipher.setAAD(Buffer.from(context))
  const box = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return { key: sender, nonce: nonce.toString('base64'), box: box.toString('base64') }
}

/** Null for what was sealed for somebody else, or for something else, or was changed on its way. */
export function open(sealed: Sealed, own: KeyPair, context: string): string | null {
  try {
    const box = Buffer.from(sealed.box, 'base64')
    const key = sharedKey(own.privateKey, sealed.key, sealed.key + own.publicKey)
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(sealed.nonce, 'base64'), { authTagLength: 16 })
    decipher.setAAD(Buffer.from(context))
    decipher.setAuthTag(box.subarray(-16))
    return Buffer.concat([decipher.update(box.subarray(0, -16)), decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

function sharedKey(privateKey: KeyObject, publicKey: string, both: string): Buffer {
  const shared = diffieHellman({ privateKey, publicKey: decodeKey(publicKey) })
  return Buffer.from(hkdfSync('sha256', shared, '', `orchestrate agent ${both}`, 32))
}

const encodeKey = (key: KeyObject): string => key.export({ type: 'spki', format: 'der' }).toString('base64')
const decodeKey = (text: string): KeyObject =>
  createPublicKey({ key: Buffer.from(text, 'base64'), type: 'spki', format: 'der' })
