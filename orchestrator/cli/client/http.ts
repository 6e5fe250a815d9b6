import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { limits } from '../../limits.ts'

/** Where a daemon answers: a unix socket of this machine, or an address. */
export type Target = { kind: 'socket'; path: string } | { kind: 'url'; url: string; token?: string }

export type Sent = {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  path: string
  body?: { type: 'application/json' | 'application/octet-stream'; data: string | Uint8Array }
  signal?: AbortSignal
  /** Milliseconds until the head of the response is here. */
  within?: number
}

/** One request; resolves with the response once its head is here, rejects when nobody answers. */
export function send(
  target: Target,
  { method, path, body, signal, within = limits.client.answer }: Sent,
): Promise<IncomingMessage> {
  const headers: Record<string, string | number> = { accept: 'application/json, text/event-stream, text/plain' }
  if (target.kind === 'url' && target.token) headers.authorization = `Bearer ${target.token}`
  if (body !== undefined) {
    headers['content-type'] = body.type
    headers['content-length'] = Buffer.byteLength(body.data)
  }
  const options: RequestOptions = { method, headers, ...(signal === undefined ? {} : { signal }) }
  return new Promise((resolve, reject) => {
    const done = (response: IncomingMessage) => {
      clearTimeout(late)
      resolve(response)
    }
    const request =
      target.kind === 'socket'
        ? httpRequest({ ...options, socketPath: target.path, path }, done)
        : toUrl(target.url, path, options, done)
    const late = setTimeout(() => request.destroy(new Error(`no answer within ${within / 1000} s`)), within)
    request.on('error', (error) => {
      clearTimeout(late)
      reject(error)
    })
    request.end(body?.data)
  })
}

function toUrl(base: string, path: string, options: RequestOptions, done: (response: IncomingMessage) => void) {
  const url = new URL(base.replace(/\/+$/, '') + path)
  return (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, done)
}

/** The whole body as text. */
export async function text(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
