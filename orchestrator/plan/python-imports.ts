/** A module that some Python code may import: `level` 0 is absolute, 1 is the package of the file itself, 2 its parent. */
export type Import = { level: number; module: string; names: string[] }

const name = String.raw`[^\W\d]\w*`
const dotted = String.raw`${name}(?:\s*\.\s*${name})*`
const blank = String.raw`(?:[ \t\f]|\\\r?\n)`
// A statement starts a line, or follows `;` or the `:` of a one-line block.
const start = `(?:^|[;:])${blank}*`
const importStatement = new RegExp(String.raw`${start}import${blank}+([^\n;#]*(?:\\\r?\n[^\n;#]*)*)`, 'gmu')
const fromStatement = new RegExp(
  String.raw`${start}from${blank}*(\.[.\s]*)?(${dotted})?${blank}*\bimport\b${blank}*(\((?:[^()#]|#[^\n]*)*\)|[^\n;#]*(?:\\\r?\n[^\n;#]*)*)`,
  'gmu',
)
const dynamicImport = /\b(?:import_module|__import__|run_module)\s*\(\s*[rbuRBU]?(["'])([\w.]+)\1/g

/**
 * Every import that Python code may do, as far as its text shows: statements anywhere, also under `if` and in
 * functions, and `import_module` with a literal. Errs on the side of too many: what only looks like an import
 * (in a docstring, say) is one. A computed module name can't be seen.
 */
export function findImports(code: string): Import[] {
  return [...plainImports(code), ...fromImports(code), ...dynamicImports(code)]
}

function plainImports(code: string): Import[] {
  return [...code.matchAll(importStatement)].flatMap((match) =>
    namesIn(match[1] ?? '').map((module) => ({ level: 0, module, names: [] })),
  )
}

function fromImports(code: string): Import[] {
  return [...code.matchAll(fromStatement)].map(([, dots = '', module = '', names = '']) => ({
    level: dots.replace(/[^.]/g, '').length,
    module: module.replace(/\s/g, ''),
    names: names.includes('*') ? ['*'] : namesIn(names),
  }))
}

function dynamicImports(code: string): Import[] {
  return [...code.matchAll(dynamicImport)].map(([, , text = '']) => {
    const module = text.replace(/^\.+/, '')
    return { level: text.length - module.length, module, names: [] }
  })
}

/** `a.b as c, d` and `(a, # why\n b)` -> the names, without what they are called here. */
function namesIn(text: string): string[] {
  const bare = text.replace(/#[^\n]*/g, '').replace(/[()\\]/g, ' ')
  return bare
    .split(',')
    .map(
      (part) =>
        part
          .trim()
          .split(/\s+as\b/)[0]
          ?.replace(/\s/g, '') ?? '',
    )
    .filter((part) => new RegExp(`^${dotted}$`, 'u').test(part))
}
