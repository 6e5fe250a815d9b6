"""The simulator as a source of demonstrations and as the judge."""

from depthvla.evaluation.gl import choose_gl

# Here, because whatever in this package imports mujoco first would otherwise let it look for a display.
choose_gl()
