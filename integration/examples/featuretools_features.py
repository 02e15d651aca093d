"""Features of each customer's sessions with featuretools, one group for each customer.

featuretools' mock data are made on the driver, and `ft.dfs` runs where the groups are. With `--bowstring` the same job
runs with stock workers first and then with that program, and the two results must be equal to the last bit.

    python featuretools_features.py
    python featuretools_features.py --customers 200 --bowstring /path/to/bowstring
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from typing import Any

import pandas as pd

FEATURES = {
    "device": "string",
    "COUNT(transactions)": "long",
    "MAX(transactions.amount)": "double",
    "MEAN(transactions.amount)": "double",
    "MIN(transactions.amount)": "double",
    "SKEW(transactions.amount)": "double",
    "STD(transactions.amount)": "double",
    "SUM(transactions.amount)": "double",
    "MODE(transactions.brand)": "string",
    "NUM_UNIQUE(transactions.brand)": "long",
    "HOUR(session_start)": "long",
    "WEEKDAY(session_start)": "long",
}
"""What featuretools calls each feature, and its type in Spark."""

SCHEMA = ", ".join(["customer_id long", "session_id long", *(f"`{name}` {ddl}" for name, ddl in FEATURES.items())])


def features(spark: Any, customers: int) -> Any:
    """A DataFrame with a row for each session of the mock customers."""
    import featuretools as ft

    names, kinds = list(FEATURES), {"string": object, "long": "Int64", "double": "float64"}
    dtypes = {name: kinds[ddl] for name, ddl in FEATURES.items()}

    # Inside, so that it travels to the workers by value.
    def of_one_customer(key: tuple[int], transactions: pd.DataFrame) -> pd.DataFrame:
        import featuretools as ft

        entities = ft.EntitySet(id="customer")
        entities.add_dataframe(
            dataframe_name="transactions",
            dataframe=transactions.drop(columns="customer_id"),
            index="transaction_id",
            time_index="transaction_time",
            logical_types={"brand": "Categorical", "device": "Categorical"},
        )
        entities.normalize_dataframe(
            base_dataframe_name="transactions",
            new_dataframe_name="sessions",
            index="session_id",
            additional_columns=["device", "session_start"],
            make_time_index="session_start",
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            matrix, _ = ft.dfs(
                entityset=entities,
                target_dataframe_name="sessions",
                agg_primitives=["count", "max", "mean", "min", "mode", "num_unique", "skew", "std", "sum"],
                trans_primitives=["hour", "weekday"],
                max_depth=1,
            )
        # Categories of whole numbers and texts become the plain types of the schema.
        matrix = matrix[names].astype(object).astype(dtypes).reset_index()
        return matrix.assign(customer_id=key[0])

    merged = ft.demo.load_mock_customer(
        n_customers=customers, n_sessions=7 * customers, n_transactions=100 * customers, return_single_table=True
    )
    wanted = ["customer_id", "session_id", "device", "session_start", "transaction_id", "transaction_time", "brand"]
    table = merged[[*wanted, "amount"]].astype({"brand": str, "device": str})
    return spark.createDataFrame(table).groupBy("customer_id").applyInPandas(of_one_customer, SCHEMA)


def run(worker: str, customers: int) -> pd.DataFrame:
    """Runs the job in a session of its own with that program as worker. Prints the seconds that it took."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = worker
    builder = SparkSession.builder.master("local[2]").appName("features").config("spark.ui.enabled", "false")
    spark = builder.config("spark.sql.shuffle.partitions", "2").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    try:
        frame = features(spark, customers)
        started = time.monotonic()
        found = pd.DataFrame([row.asDict() for row in frame.collect()])
        print(f"{worker}: {len(found)} sessions of {customers} customers in {time.monotonic() - started:.1f} s")
    finally:
        spark.stop()
    return found.sort_values(["customer_id", "session_id"], ignore_index=True)


def main() -> None:
    """Prints some of the features; compares stock and bowstring where both are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=10, help="how many groups there are; default 10")
    parser.add_argument("--bowstring", metavar="PROGRAM", help="run with this program too, and compare")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    os.environ.setdefault("BOWSTRING_PYTHON", sys.executable)
    stock = run(sys.executable, arguments.customers)
    print(stock.head(8).T.to_string())
    if arguments.bowstring:
        bowstring = run(arguments.bowstring, arguments.customers)
        pd.testing.assert_frame_equal(stock, bowstring, check_exact=True)
        print("equal to the last bit")


if __name__ == "__main__":
    main()
