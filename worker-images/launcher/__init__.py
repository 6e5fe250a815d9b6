"""Starts the ranks of one attempt and writes down how they ended.

Nothing but the standard library, and the cheap part of that: what is imported here delays every attempt.
"""
