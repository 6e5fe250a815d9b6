import { readFileSync } from 'node:fs'
import { Safe } from './escape.ts'

const read = (name: string) =>
  readFileSync(new URL(name, import.meta.url), 'utf8')
    .replaceAll(/\/\*[\s\S]*?\*\//g, '') // comments are for those who write it
    .replaceAll(/\n\s*(?=\n)/g, '')

/** The project's own style sheets, read once with the code that they belong to. */
export const style = new Safe(`<style>\n${read('./tokens.css')}\n${read('./report.css')}</style>`)
