/** One import of a file, and what it names. */
export type Found = { line: number; what: string }

// Statements start a line here (Biome sees to it); `import(…)` may stand anywhere.
const STATEMENT = /^(?:import|export)\b(?:[^'";]*?\bfrom)?\s*['"]([^'"]+)['"]/gm
const CALL = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g

/** Everything that a TypeScript file imports or re-exports. */
export function findImports(text: string): Found[] {
  const bare = text.replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' '))
  return [...bare.matchAll(STATEMENT), ...bare.matchAll(CALL)].map(({ index, 1: what = '' }) => ({
    line: bare.slice(0, index).split('\n').length,
    what,
  }))
}

/** Modules that a Python file imports, by their first name: `os` of `import os.path`. Relative ones are `.`. */
export function findPythonImports(text: string): string[] {
  return [...text.matchAll(/^\s*(?:from\s+([\w.]+)\s+import\b|import\s+([\w., ]+))/gm)].flatMap(([, from, names]) =>
    (from ?? names ?? '')
      .split(',')
      .map((name) => (name.trim().startsWith('.') ? '.' : (/^\w+/.exec(name.trim())?.[0] ?? ''))),
  )
}
