import { Command } from 'commander'
import { poolsJsonSchema } from '../../spec/pools/shape.ts'
import { pipelineJsonSchema } from '../../spec/shape.ts'
import { examples } from '../options.ts'

export function command(): Command {
  const schema = new Command('schema')
    .description('Prints the JSON Schema of pipeline files, or of pools.yaml, for editors.')
    .option('--pools', 'that of pools.yaml')
    .option('--json', 'what it does anyway')
    .action(({ pools }: { pools?: boolean }) => {
      const printed = pools ? poolsJsonSchema() : pipelineJsonSchema()
      process.stdout.write(`${JSON.stringify(printed, null, 2)}\n`)
    })
  return examples(schema, [
    'orchestrate schema > pipeline.schema.json',
    'orchestrate schema --pools > pools.schema.json',
  ])
}
