"""What a training takes of memory and time, from shapes alone. Nothing here but `measure.py` imports torch."""
