import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findImports } from '../../../orchestrator/plan/python-imports.ts'

/** `..a.b:c,d` for `from ..a.b import c, d`. */
const show = (code: string) =>
  findImports(code).map(({ level, module, names }) => `${'.'.repeat(level)}${module}${names.length ? `:${names}` : ''}`)

const cases: [name: string, code: string, found: string[]][] = [
  ['a module', 'import a.b', ['a.b']],
  ['several, renamed', 'import a.b as c, d  # not, this', ['a.b', 'd']],
  ['names of a module', 'from a.b import c as d, e', ['a.b:c,e']],
  ['a neighbour', 'from . import x', ['.:x']],
  ['an uncle', 'from ..x import y', ['..x:y']],
  ['a great-uncle with blanks', 'from . .. x import y', ['...x:y']],
  ['everything', 'from a import *', ['a:*']],
  ['many lines in brackets', 'from a import (  # why ) not\n    b,\n    c as d,  # (see e)\n    e,\n)\n', ['a:b,c,e']],
  ['many lines with backslashes', 'import a, \\\n    b\nfrom c \\\n  import d, \\\n  e', ['a', 'b', 'c:d,e']],
  ['several statements in a line', 'x = 1; import a; from b import c', ['a', 'b:c']],
  ['a block of one line', 'if x: import a\nelse:import b', ['a', 'b']],
  ['in a function, indented', 'def f():\n\tfrom .x import (y)\n', ['.x:y']],
  ['Windows line ends', 'import a\r\nfrom b import c\r\n', ['a', 'b:c']],
  ['at run time, by a literal', 'import_module("a.b"); importlib.import_module( \'.c\', __package__)', ['a.b', '.c']],
  ['by the old way', '__import__("a")', ['a']],
  ['names in other scripts', 'import größe', ['größe']],
  ['nothing in other words', 'important = 1\nx.imports = reimport\nfromage = 2\nprint("x import y")', []],
]

test.each(cases)('%s', (_name, code, found) => {
  expect(show(code).sort()).toEqual(found.sort())
})

test('any text is read, and soon', () => {
  const pieces = fc.constantFrom(
    'import ',
    'from ',
    'a',
    '.',
    ',',
    '(',
    ')',
    '\n',
    '\\\n',
    ' ',
    '#',
    ';',
    ':',
    ' as ',
    '*',
    'import_module(',
    '"',
  )
  fc.assert(fc.property(fc.array(pieces, { maxLength: 80 }), (parts) => void findImports(parts.join(''))))
  findImports('from a import ('.repeat(5_000))
  findImports(`from ${'. '.repeat(20_000)}`)
  findImports(`import ${'a.'.repeat(20_000)}`)
})
