"""The surface of each Spark line: what is known of a PySpark, and how more gets known. See `__main__.py`."""
