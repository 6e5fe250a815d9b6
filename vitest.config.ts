import { defineConfig } from 'vitest/config'

const tier = (name: string, testTimeout: number, maxWorkers: number) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout,
    hookTimeout: testTimeout,
    maxWorkers,
    expect: { poll: { timeout: testTimeout / 2 } },
  },
})

// Deadlines are generous: the machine may be slow for minutes, and no test is about speed.
export default defineConfig({
  test: { projects: [tier('unit', 240_000, 2), tier('integration', 600_000, 2), tier('system', 3_600_000, 1)] },
})
