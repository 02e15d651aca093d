"""Where bowstring meets the installed PySpark: nothing else knows its versions."""
