"""An attempt on Slurm: a batch step on the first node, which starts and hears one task on each node."""
