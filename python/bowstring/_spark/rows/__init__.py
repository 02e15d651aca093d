"""The rows of functions that are called for each."""
