"""Inputs that are read in place: a store's folder as paths, through a bounded cache of the host."""
