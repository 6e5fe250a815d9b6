import { count, duration, list, moment, plural, short } from '../figures.ts'
import { md } from '../markdown.ts'
import { type Certificate, type Certificates, firstDifference } from './certificate.ts'

/** The certificates of a run for people. */
export function certificateMarkdown({ run, certificates }: Certificates): string {
  const parts = certificates.map((certificate) => one(certificate))
  return `${[`# Exact resume · ${run}`, ...parts].join('\n\n')}\n`
}

function one(certificate: Certificate): string {
  const { compared, warnings, notCompared } = certificate
  const rows = compared.map(
    ({ what, count: n, repeated, digests: [a, b], difference }) =>
      `| ${md(what)} | ${count(n)} | ${repeated === 0 ? '' : count(repeated)} | \`${a.slice(0, 12)}\` | \`${b.slice(0, 12)}\` | ${md(difference ?? 'the same')} |`,
  )
  return [
    `## ${md(title(certificate))}`,
    `**${md(verdict(certificate))}**`,
    ...killed(certificate),
    [
      '| what | n | of these repeated | without a stop | killed and resumed | |',
      '| :-- | --: | --: | :-- | :-- | :-- |',
      ...rows,
    ].join('\n'),
    ...notCompared.map((text) => `Not compared: ${md(text)}.`),
    ...warnings.map((text) => `Warning: ${md(text)}`),
    made(certificate),
  ].join('\n\n')
}

/** `train (full), shard 1 of 2, 2 ranks` */
export function title({ stage, cells, shard, shards, ranks }: Certificate): string {
  const cell = cells.length === 0 || cells[0] === '' ? '' : ` (${cells.join(', ')})`
  return `${stage}${cell}${shards === 1 ? '' : `, shard ${shard} of ${shards}`}, ${plural(ranks, 'rank')}`
}

/** One sentence. */
export function verdict(certificate: Certificate): string {
  const difference = firstDifference(certificate)
  if (difference !== null) return `Different. ${difference}`
  return 'The same, bit for bit: a run that was killed and resumed ends as one that nobody stopped.'
}

function killed({ kills, steps, unit }: Certificate): string[] {
  return kills.map(
    ({ rank, reached, resumedFrom, step }) =>
      `Killed (SIGKILL to rank ${rank}) after step ${count(step)} of ${count(steps)} ${md(unit)} was reported, at ${count(reached)} when it was dead; resumed from the checkpoint of step ${count(resumedFrom)}.`,
  )
}

function made({ product, code, job, config, with: given, seed, versions, machine, device, at, seconds }: Certificate) {
  const overrides = Object.entries(given).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
  const libraries = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const lines = [
    ['when', `${moment(at)}, in ${duration(seconds)}`],
    ['seed', String(seed)],
    ['job', `${job}, code ${short(code)}`],
    ['config', JSON.stringify(config)],
    ...(overrides.length > 0 ? [['set for this', list(overrides)]] : []),
    ['product', `orchestrate ${product.version}, build ${product.build}`],
    ['versions', libraries.join(', ')],
    [
      'machine',
      `${machine.host}: ${machine.cpu}, ${plural(machine.cores, 'core')}, ${machine.system}; ran on ${device ?? 'an unknown device'}`,
    ],
  ]
  return lines.map(([name, text]) => `- ${name}: ${md(text ?? '')}`).join('\n')
}
