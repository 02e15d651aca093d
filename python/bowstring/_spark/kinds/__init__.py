"""What the native path of each kind of UDF takes from its task: one module per family, one function per kind.

A function gets the `TaskParts` of a task and returns its `Answer`; `None` leaves the task to stock. Each module has
`KINDS`, the functions by eval type, and may have

* `WRAPS`, functions of `pyspark.worker` that get the user's function with its parts, where a Spark line has them;
* `AROUND`, what is put around a user's function before stock gets it, by eval type.
"""
