"""Spark's JVM as a Python worker sees it, for the doctor, tests, benchmarks and fuzzing: nothing here starts Spark.

`client` needs only the standard library: `Daemon(command, environment)` starts one, `connect()` gives an authenticated
`Worker`, `connect_raw()` an untouched connection. `Worker.send`, `finish_sending`, `read_reply` and `close` allow for
any bytes, cut anywhere; `ConnectionLost` says that the worker hung up and where, `ProtocolViolation` that its reply is
none. `task_bytes` (pyarrow and pyspark needed) makes good tasks to spoil.

Tests and benchmarks know it as `fakejvm`: `integration/environments.py` shows that to the interpreters in
`integration/.venvs`.
"""
