"""A session of a Spark Connect server that brings bowstring along: `session.py environment.tar.gz [sc://HOST:15002]`.

The server needs no bowstring, and its other sessions do not notice. Needs PySpark 4.0 or later with its packages for
Connect (`pip install 'pyspark[connect]'`), bowstring for the doctor, and the Python minor version of the environment:
functions are pickled here and unpickled there.
"""

import sys
import time

import pandas as pd
from bowstring.doctor import executors
from pyspark.sql import SparkSession


def normalise(pdf: pd.DataFrame) -> pd.DataFrame:
    """One group."""
    return pdf.assign(value=(pdf["value"] - pdf["value"].mean()) / pdf["value"].std())


def main(archive: str, server: str = "sc://localhost:15002") -> None:
    """Brings the environment, asks who the workers are, runs a query with bowstring and without."""
    spark = SparkSession.builder.remote(server).getOrCreate()
    # The name behind the # is the folder in which the archive is unpacked, in each executor's folder for this session.
    spark.addArtifact(f"{archive}#environment", archive=True)
    # From here on this session's functions are run by bowstring. Nobody else's are.
    spark.conf.set("spark.sql.execution.pyspark.python", "./environment/bin/bowstring")
    print(executors(spark))

    readings = spark.range(200_000).selectExpr("id % 20000 AS sensor", "cast(id AS double) AS value")
    for name in ("bowstring", "stock"):
        if name == "stock":
            # The server's own Python, as before.
            spark.conf.unset("spark.sql.execution.pyspark.python")
        query = readings.groupBy("sensor").applyInPandas(normalise, "sensor long, value double")
        started = time.perf_counter()
        rows = query.count()
        print(f"{name}: {rows} rows in {time.perf_counter() - started:.1f} s")
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
