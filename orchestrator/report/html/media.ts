import type { Sample } from '../input.ts'
import { html, type Safe } from './escape.ts'

/** Only what is a picture or a clip may become a data: address; anything else could be a page of its own. */
const pictures = new Set(['image/png', 'image/webp', 'image/gif', 'image/jpeg'])
const clips = new Set(['video/mp4', 'video/webm'])

/** A picture or clip as an element, with its words for those who can't see it. Null when it can't be shown. */
export function media({ mime, data }: Sample, words: string): Safe | null {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(data)) return null
  const address = `data:${mime};base64,${data}`
  if (pictures.has(mime)) return html`<img class="pic" src="${address}" alt="${words}" decoding="async">`
  if (!clips.has(mime)) return null
  return html`<video class="pic" src="${address}" aria-label="${words}" controls muted loop playsinline preload="metadata"></video>`
}
