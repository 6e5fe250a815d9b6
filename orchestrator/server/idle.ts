/** Ends an on-demand daemon that nobody has asked anything of for long, and that has nothing to do. */
export function whenIdle(afterMs: number | null, isIdle: () => boolean) {
  let last = Date.now()
  let timer: NodeJS.Timeout | null = null
  return {
    touch(): void {
      last = Date.now()
    },
    start(end: () => void): void {
      if (afterMs === null) return
      timer = setInterval(
        () => {
          if (!isIdle()) last = Date.now()
          else if (Date.now() - last > afterMs) end()
        },
        Math.max(100, Math.min(afterMs / 4, 60_000)),
      )
      timer.unref()
    },
    stop(): void {
      if (timer) clearInterval(timer)
    },
  }
}
