/** Warnings fail the test that caused them. */
export const log = {
  warn: (details: unknown, message?: string) => {
    throw new Error(`${message}: ${JSON.stringify(details)}`)
  },
}
