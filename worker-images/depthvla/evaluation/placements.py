"""Which placements of object and goal are for what: no two uses share one."""

# Collecting demonstrations counts up from here; a task needs a few more than its episodes.
DEMOS = 0
# Closed-loop trials. Fixed before the first policy was trained, and never looked at while tuning demonstrations.
TRIALS = 10_000
# Scenes for depth.
SCENES = 20_000
