import type { ReportInput } from '../input.ts'
import { curves } from './curves.ts'
import { differences, recipeDifferences } from './differences.ts'
import { html } from './escape.ts'
import { gates } from './gates.ts'
import { header } from './header.ts'
import { made } from './made.ts'
import { symbols } from './marks.ts'
import { depthPictures, rollouts } from './pictures.ts'
import { style } from './style.ts'
import { successTable } from './success-table.ts'
import { patterns, timeSpent } from './time-spent.ts'

/**
 * The report as one file that needs nothing else: no script, no request. The policy in its head lets a browser hold it to that,
 * should an escape ever be missed.
 */
export function reportHtml(input: ReportInput): string {
  const { run } = input
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Report ${run.id} · ${run.pipeline}</title>
${style}
</head>
<body>
<a class="skip" href="#s-t">To the table</a>
${symbols}${patterns}
<main>
${[header(input), gates(input), successTable(input), recipeDifferences(input), differences(input), curves(input), depthPictures(input), rollouts(input), timeSpent(input), made(input)]}
</main>
</body>
</html>
`.text
}
