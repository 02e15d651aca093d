"""A native daemon for PySpark's executors: the half of it that is Python.

Workers import it as `_bowstring`, see `_finder.py`."""
