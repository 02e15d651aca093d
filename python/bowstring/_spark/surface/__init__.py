"""What of PySpark bowstring depends on, and whether the installed PySpark has it.

`3.5.json` and its neighbours are the *surface* of each Spark line: every symbol that is called, replaced or patched, or
whose behaviour a native path copies. They are made by `python3 -m integration.surface`, and a reviewer accepts them.
"""

ALL = "all"
"""In the place of the kinds: every one of the line."""

ABSENT = "absent"
"""In the place of a fingerprint: some releases of a line have the symbol, others do not."""

SELF_TEST, DAEMON = "self-test", "daemon"
"""What has needs beside the kinds: what the self-test asks, and what bowstring does in place of PySpark's daemon."""
