"""The simulator as a source of demonstrations and as the judge."""
