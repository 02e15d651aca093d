"""What stands in for each kind of UDF."""
