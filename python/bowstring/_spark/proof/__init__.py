"""Whether native conversions are equal to PySpark's."""
