"""`python -m bowstring.doctor`; spark-submit, which knows no modules, is given this file."""

import os
import sys

if __package__:
    from .program import main
else:
    sys.path[0] = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    from bowstring.doctor.program import main

if __name__ == "__main__":
    sys.exit(main())
