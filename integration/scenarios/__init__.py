"""Work for PySpark workers, each piece written once and run with stock Python and with bowstring."""
