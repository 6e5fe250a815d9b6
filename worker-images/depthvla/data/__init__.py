"""Datasets as files: writers, readers, and the arrays that training sees."""
