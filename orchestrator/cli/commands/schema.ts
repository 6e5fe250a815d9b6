import { Command } from 'commander'
import { pipelineJsonSchema } from '../../spec/shape.ts'
import { examples } from '../options.ts'

export function command(): Command {
  const schema = new Command('schema')
    .description('Prints the JSON Schema of pipeline files, for editors.')
    .option('--json', 'what it does anyway')
    .action(() => {
      process.stdout.write(`${JSON.stringify(pipelineJsonSchema(), null, 2)}\n`)
    })
  return examples(schema, ['orchestrate schema > pipeline.schema.json'])
}
