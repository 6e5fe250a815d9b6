/** A place in Python code, as faulthandler writes it. */
export type Frame = { file: string; line: number; function: string }

/** Stacks of one process, a thread each; innermost call first. The main thread's is the last: it is the oldest. */
export type Stacks = Frame[][]

const THREAD = /^(?:Current thread|Thread) 0x[0-9a-f]+.*\(most recent call first\):$/
const FRAME = /^ {2}File "(.*)", line (\d+) in (.*)$/

/** The last dump of faulthandler in what a process wrote to standard error; null where there is none. */
export function readStacks(text: string): Stacks | null {
  let stacks: Stacks = []
  let stack: Frame[] | null = null
  let before = ''
  for (const line of text.split('\n')) {
    const [, file, number, name] = FRAME.exec(line) ?? []
    if (THREAD.test(line)) {
      if (before !== '') stacks = [] // threads of one dump have an empty line between them
      stack = []
      stacks.push(stack)
    } else if (stack && file !== undefined && name !== undefined) {
      stack.push({ file, line: Number(number), function: name })
    } else {
      stack = null
    }
    before = line
  }
  return stacks.length > 0 ? stacks : null
}

/** As a traceback shows it, innermost call first. */
export const showStack = (stack: readonly Frame[]): string =>
  stack.map((frame) => `File "${frame.file}", line ${frame.line}, in ${frame.function}`).join('\n')

/** `all_reduce (distributed_c10d.py:3252)` */
export const showFrame = ({ file, line, function: name }: Frame): string =>
  `${name} (${file.slice(file.lastIndexOf('/') + 1)}:${line})`
