"""PySpark's own conversions, called for what has no native path."""
