import { expect, test } from 'vitest'
import * as figures from '../../../orchestrator/report/figures.ts'

test.each([
  [0, '0'],
  [1, '100'],
  [39 / 40, '97.5'],
  [0.5, '50.0'],
  [1999 / 2000, '> 99.9'],
  [1 / 20_000, '< 0.1'],
])('a share of %f is written %s per cent', (share, text) => {
  expect(figures.hundredths(share)).toBe(text)
})

test.each([
  [0.155, '+15.5'],
  [-0.025, '−2.5'],
  [0, '0'],
  [0.0001, '0'],
])('a difference of %f is %s points', (difference, text) => {
  expect(figures.points(difference)).toBe(text)
})

test.each([
  [0.0004, '< 0.001'],
  [0.0352, '0.035'],
  [0.0498, '< 0.050'],
  [0.0502, '0.050'],
  [0.9999, '> 0.999'],
  [1, '1.00'],
])('p %f is written %s', (p, text) => {
  expect(figures.pValue(p)).toBe(text)
})

test.each([
  [0, '0 s', '0s'],
  [0.8, '0.8 s', '0.8s'],
  [59.6, '1 min 0 s', '1m 0s'],
  [581, '9 min 41 s', '9m 41s'],
  [17 * 3600 + 2 * 60, '17 h 2 min', '17h 2m'],
  [3 * 86_400 + 4 * 3600, '3 d 4 h', '3d 4h'],
])('%f seconds are written %s', (seconds, long, short) => {
  expect(figures.duration(seconds).replaceAll('\u00a0', ' ')).toBe(long)
  expect(figures.shortDuration(seconds)).toBe(short)
})

test.each([
  [3485, '3,485'],
  [0.2612, '0.26'],
  [0.0123, '0.012'],
  [0.00041, '0.00041'],
  [12.44, '12.4'],
  [-0.5, '−0.50'],
  [4, '4'],
])('%f is measured as %s', (value, text) => {
  expect(figures.measured(value)).toBe(text)
})

test('a clock has hours only where there are some', () => {
  expect([432, 4, 3723].map(figures.clock)).toEqual(['7:12', '0:04', '1:02:03'])
})

test('digests are shown by both their ends', () => {
  expect(figures.digest(`sha256:c2d94e17${'0'.repeat(52)}7f10`)).toBe('c2d94e17…7f10')
})
