"""The demo's table: scikit-learn's breast-cancer data, sampled up to the size of a real scoring job."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer

SEED = 20_240_817
FEATURES = 10
"""The table's first ten columns, the means; the other twenty are their errors and extremes."""
COHORT_ROWS = 30
COHORTS_PER_CLINIC = 100
CLINICS_PER_PARTITION = 5
NOISE = 0.02
"""Relative standard deviation of what is added to each measurement, so that no two patients are alike."""

LEVELS = ("partition_id", "clinic_id", "cohort_id")
"""Grouping columns, outermost first: a cohort lies in one clinic, a clinic in one partition."""


def feature_names() -> list[str]:
    """Column names of the measurements, fit for SQL."""
    return [str(name).replace(" ", "_") for name in load_breast_cancer().feature_names[:FEATURES]]


def make_table(rows: int) -> pd.DataFrame:
    """`rows` patients with ids, measurements and diagnosis (1 is benign), the same at every call."""
    random = np.random.default_rng(SEED)
    source = load_breast_cancer()
    picked = random.integers(0, len(source.target), rows)
    measured = source.data[picked, :FEATURES] * random.normal(1.0, NOISE, (rows, FEATURES))
    cohort = np.arange(rows, dtype=np.int64) // COHORT_ROWS
    clinic = cohort // COHORTS_PER_CLINIC
    return pd.DataFrame(
        {
            "user_id": random.permutation(rows).astype(np.int64),
            "partition_id": clinic // CLINICS_PER_PARTITION,
            "clinic_id": clinic,
            "cohort_id": cohort,
            **{name: measured[:, n] for n, name in enumerate(feature_names())},
            "benign": source.target[picked].astype(np.int64),
        }
    )


def write_table(frame: pd.DataFrame, directory: Path, files: int) -> None:
    """Writes the table as that many Parquet files."""
    for number, rows in enumerate(np.array_split(np.arange(len(frame)), files)):
        frame.iloc[rows].to_parquet(directory / f"part-{number:03}.parquet", index=False)
