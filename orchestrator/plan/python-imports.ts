/** A module that some Python code may import: `level` 0 is absolute, 1 is the package of the file itself, 2 its parent. */
export type Import = { level: number; module: string; names: string[] }

const name = String.raw`[\p{L}_][\p{L}\p{N}\p{M}_]*`
const dotted = String.raw`${name}(?:\s*\.\s*${name})*`
const wholeName = new RegExp(`^${dotted}$`, 'u')
// A statement starts a line, or follows `;` or the `:` of a one-line block.
const start = String.raw`(?:^|[;:])[ \t\f]*`
const importStatement = new RegExp(String.raw`${start}import[ \t\f]+([^\n;#]*)`, 'gmu')
const fromStatement = new RegExp(
  String.raw`${start}from[ \t\f]*(\.[. \t\f]*)?(${dotted})?[ \t\f]*(?<![\p{L}\p{N}_])import(?![\p{L}\p{N}_])[ \t\f]*(\((?:[^()#]|#[^\n]*)*\)|[^\n;#]*)`,
  'gmu',
)
const dynamicImport =
  /(?<![\p{L}\p{N}_])(?:import_module|__import__|run_module)\s*\(\s*[rbuRBU]?(["'])([\p{L}\p{N}_.]+)\1/gu

/**
 * Every import that Python code may do, as far as its text shows: statements anywhere, also under `if` and in
 * functions, and `import_module` with a literal. Errs on the side of too many: what only looks like an import
 * (in a docstring, say) is one. A computed module name can't be seen.
 */
export function findImports(code: string): Import[] {
  const lines = code.replace(/\\\r?\n/g, ' ')
  return [...plainImports(lines), ...fromImports(lines), ...dynamicImports(lines)]
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
  const bare = text.replace(/#[^\n]*/g, '').replace(/[()]/g, ' ')
  return bare
    .split(',')
    .map(
      (part) =>
        part
          .trim()
          .split(/\s+as\b/)[0]
          ?.replace(/\s/g, '') ?? '',
    )
    .filter((part) => wholeName.test(part))
}
