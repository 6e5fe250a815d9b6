import type { ScalarTag, Tags } from 'yaml'

/** `100_000`, as in the papers' recipes: text in YAML 1.2, which would be a poor surprise for `steps: 100_000`. */
const underscored: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?\d{1,3}(_\d{3})+$/,
  resolve: (text) => Number(text.replaceAll('_', '')),
}

export const withUnderscores = (tags: Tags): Tags => [underscored, ...tags]
