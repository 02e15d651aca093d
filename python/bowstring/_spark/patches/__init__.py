"""What is put into PySpark's conversions and streams."""
