"""What conversions and kinds of UDF need of pandas and of errors."""
