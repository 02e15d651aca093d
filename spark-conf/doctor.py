"""Asks every executor of the session whether bowstring serves it: a job of some seconds.

For platforms whose programs are files in a bucket; the driver's Python needs bowstring. Where a path on the driver's
host will do, give spark-submit the file `bowstring/doctor/__main__.py` of the environment, and `--spark`.
"""

import sys

from bowstring.doctor.program import main

code = main(["--spark"])
# Some platforms take any SystemExit for a failure.
if code:
    sys.exit(code)
