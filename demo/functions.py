"""The model and the pandas functions that run on the workers. Nothing here knows of Spark or bowstring.

What makers return travels to the workers with all that it refers to, so it must not refer to this module.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
from pyspark import cloudpickle
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from data import FEATURES, SEED, feature_names

# The workers cannot import this module: its functions travel by value.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

TRAINING_ROWS = 20_000
NAMES = feature_names()

SCORE_SCHEMA = "user_id long, partition_id long, probability double, benign boolean"
RANK_SCHEMA = "user_id long, cohort_id long, risk double, above_mean double, rank long"
FIT_SCHEMA = "clinic_id long, patients long, accuracy double, intercept double, " + ", ".join(
    f"weight_{n} double" for n in range(FEATURES)
)


def train(frame: pd.DataFrame) -> tuple[Pipeline, float]:
    """A model trained on a sample of the table, and its accuracy on another part of that sample."""
    sample = frame.sample(min(TRAINING_ROWS, len(frame)), random_state=SEED)
    known, held_out = train_test_split(sample, test_size=0.25, random_state=SEED)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(known[NAMES].to_numpy(), known["benign"])
    return model, float(model.score(held_out[NAMES].to_numpy(), held_out["benign"]))


def make_scorer(model: Pipeline) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Batch scoring with the model itself: what one does with large groups."""

    def score(pdf: pd.DataFrame) -> pd.DataFrame:
        probability = model.predict_proba(pdf[NAMES].to_numpy())[:, 1]
        return pd.DataFrame(
            {
                "user_id": pdf["user_id"],
                "partition_id": pdf["partition_id"],
                "probability": probability,
                "benign": probability > 0.5,
            }
        )

    return score


def make_ranker(model: Pipeline) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Risk and rank within a small group, from the model's weights.

    A pipeline checks its input at every call, which costs more than the arithmetic of thirty rows. With scaler and
    weights folded into one vector there is little left but that arithmetic.
    """
    scaler, regression = model[0], model[-1]
    weights = regression.coef_[0] / scaler.scale_
    intercept = float(regression.intercept_[0] - weights @ scaler.mean_)

    def rank(pdf: pd.DataFrame) -> pd.DataFrame:
        risk = 1.0 / (1.0 + np.exp(pdf[NAMES].to_numpy() @ weights + intercept))
        order = np.empty(len(risk), dtype=np.int64)
        order[np.argsort(-risk, kind="stable")] = np.arange(1, len(risk) + 1)
        return pd.DataFrame(
            {
                "user_id": pdf["user_id"].to_numpy(),
                "cohort_id": pdf["cohort_id"].to_numpy(),
                "risk": risk,
                "above_mean": risk - risk.mean(),
                "rank": order,
            }
        )

    return rank


def fit_clinic(pdf: pd.DataFrame) -> pd.DataFrame:
    """A model of one clinic's own: one row with its accuracy and weights."""
    measured, benign = pdf[NAMES].to_numpy(), pdf["benign"].to_numpy()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(measured, benign)
    regression = model[-1]
    return pd.DataFrame(
        {
            "clinic_id": [pdf["clinic_id"].iloc[0]],
            "patients": [len(pdf)],
            "accuracy": [model.score(measured, benign)],
            "intercept": regression.intercept_,
            **{f"weight_{n}": [weight] for n, weight in enumerate(regression.coef_[0])},
        }
    )
