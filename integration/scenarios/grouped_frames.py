"""The frame that a grouped-map function gets: its layout, what may be done to it, and that groups do not meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from scenarios.registry import scenario
from scenarios.tables import pairs, schema, typed

ONE_TASK = {"spark.sql.shuffle.partitions": "1"}
FACTS = "k bigint, fact string, value string"


def facts_of(key: int, facts: dict[str, Any]) -> pd.DataFrame:
    """Facts as rows of the schema `FACTS`."""
    return pd.DataFrame({"k": key, "fact": list(facts), "value": [repr(value) for value in facts.values()]})


def layout(pdf: pd.DataFrame) -> pd.DataFrame:
    blocks = [(str(block.dtype), block.shape, list(block.mgr_locs)) for block in pdf._mgr.blocks]
    return facts_of(len(pdf), {pdf["g"].iloc[0]: blocks})


@scenario()
def block_layout(spark: Any) -> Any:
    columns = ["big", "real", "text", "flag", "whole", "single", "moment", "wall", "span", "list", "record"]
    return typed(spark, columns).groupBy("g").applyInPandas(layout, FACTS)


@scenario()
def block_layout_of_dtypes_side_by_side(spark: Any) -> Any:
    return typed(spark, ["whole", "text", "record", "real", "flag"]).groupBy("g").applyInPandas(layout, FACTS)


@scenario(variants={"utc": {}, "named zone": {"spark.sql.session.timeZone": "America/New_York"}})
def writable_flags(spark: Any) -> Any:
    def flags(pdf: pd.DataFrame) -> pd.DataFrame:
        arrays = {f"{pdf['g'].iloc[0]} {name}": pdf[name].to_numpy(copy=False) for name in pdf.columns}
        return facts_of(len(pdf), {name: array.flags.writeable for name, array in arrays.items()})

    return typed(spark, ["big", "real", "flag", "whole", "moment"]).groupBy("g").applyInPandas(flags, FACTS)


@scenario(conf=ONE_TASK)
def changes_in_place(spark: Any) -> Any:
    def attempt(change: Any) -> str:
        try:
            change()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return "done"

    def mutate(key: tuple[int], pdf: pd.DataFrame) -> pd.DataFrame:
        def write_values() -> None:
            pdf["v"].values[0] = 5.0

        def write_block() -> None:
            pdf[["v"]].values[:, 0] = 6.0

        said = {
            "values": attempt(write_values),
            "block": attempt(write_block),
            "iloc": attempt(lambda: pdf.iloc.__setitem__((0, 1), 42.0)),
            "loc": attempt(lambda: pdf.loc.__setitem__((pdf["v"] > 2, "s"), "changed")),
            "column": attempt(lambda: pdf.__setitem__("v", pdf["v"] * 2)),
            "insert": attempt(lambda: pdf.insert(1, "new", np.arange(len(pdf)))),
            "sort": attempt(lambda: pdf.sort_values("v", ascending=False, inplace=True)),
            "fill": attempt(lambda: pdf.fillna({"v": -1.0, "s": "none"}, inplace=True)),
            "pop": attempt(lambda: pdf.pop("new")),
            "index": attempt(lambda: pdf.reset_index(inplace=True)),
            "drop": attempt(lambda: pdf.drop(columns=["index"], inplace=True)),
        }
        return facts_of(key[0], {**said, "frame": pdf.to_dict("split")})

    return pairs(spark).groupBy("k").applyInPandas(mutate, FACTS)


@scenario(conf=ONE_TASK)
def changed_frame_is_returned(spark: Any) -> Any:
    def mutate(pdf: pd.DataFrame) -> pd.DataFrame:
        pdf.sort_values("v", ascending=False, inplace=True)
        pdf.iloc[0, 1] = 42.0
        pdf["s"] = pdf["s"].fillna("none")
        return pdf

    return pairs(spark).groupBy("k").applyInPandas(mutate, "k long, v double, s string")


@scenario(conf=ONE_TASK)
def frames_kept_between_groups_stay_whole(spark: Any) -> Any:
    kept: list[pd.DataFrame] = []

    def keep(key: tuple[int], pdf: pd.DataFrame) -> pd.DataFrame:
        kept.append(pdf)
        kept.append(pdf[["v"]])
        return facts_of(key[0], {f"kept {n}": frame.to_dict("split") for n, frame in enumerate(kept)})

    return pairs(spark).groupBy("k").applyInPandas(keep, FACTS)


@scenario(conf=ONE_TASK)
def results_changed_after_return_stay_sent(spark: Any) -> Any:
    shared = pd.DataFrame({"k": [0, 0], "v": [0.0, 0.0], "s": ["", ""]})
    columns = {"k": np.zeros(2, dtype="int64"), "v": np.zeros(2)}

    def reuse(key: tuple[int], pdf: pd.DataFrame) -> pd.DataFrame:
        shared.loc[:, "k"] = key[0]
        shared.loc[:, "v"] = float(len(pdf))
        shared.loc[1, "s"] = "ž" * key[0]
        return shared

    def reuse_arrays(key: tuple[int], pdf: pd.DataFrame) -> pd.DataFrame:
        columns["k"][:] = key[0]
        columns["v"][:] = len(pdf)
        return pd.DataFrame(columns, copy=False).assign(s=None)

    grouped = pairs(spark).groupBy("k")
    ddl = "k long, v double, s string"
    return grouped.applyInPandas(reuse, ddl).union(grouped.applyInPandas(reuse_arrays, ddl))


@scenario(conf=ONE_TASK)
def names_do_not_leak_into_the_next_group(spark: Any) -> Any:
    def rename(key: tuple[int], pdf: pd.DataFrame) -> pd.DataFrame:
        seen = {
            "columns": list(pdf.columns),
            "columns name": pdf.columns.name,
            "index name": pdf.index.name,
            "index type": type(pdf.index).__name__,
            "attributes": pdf.attrs,
            "flags": pdf.flags.allows_duplicate_labels,
        }
        pdf.columns.name = "leak"
        pdf.index.name = "leak"
        pdf.attrs["leak"] = True
        pdf.columns = pd.Index(["x", "y", "z"])
        return facts_of(key[0], seen)

    return pairs(spark).groupBy("k").applyInPandas(rename, FACTS)


@scenario(conf=ONE_TASK)
def values_have_the_same_python_types_everywhere(spark: Any) -> Any:
    def look(pdf: pd.DataFrame) -> pd.DataFrame:
        row, record = next(pdf.itertuples(index=False)), pdf.to_dict("records")[0]
        facts = {name: (type(getattr(row, name)), type(record[name]), type(pdf[name].array)) for name in pdf.columns}
        return facts_of(0, {f"{pdf['g'].iloc[0]} {name}": fact for name, fact in facts.items()})

    return typed(spark).groupBy("g").applyInPandas(look, FACTS)


@scenario()
def unusual_column_names(spark: Any) -> Any:
    def look(pdf: pd.DataFrame) -> pd.DataFrame:
        return facts_of(int(pdf.iloc[0, 0]), {"columns": list(pdf.columns), "frame": pdf.to_dict("split")})

    rows = pairs(spark).selectExpr("k", "v as `a b`", "s as `žluť`", "v + 1 as `self`", "1 as `0`", "2 as `class`")
    return rows.groupBy("k").applyInPandas(look, FACTS)


@scenario()
def zero_columns_beside_the_key(spark: Any) -> Any:
    return pairs(spark).select("k").groupBy("k").applyInPandas(lambda pdf: pdf, "k long")


@scenario()
def views_of_the_frame_are_returned(spark: Any) -> Any:
    def views(key: tuple[int], pdf: pd.DataFrame) -> pd.DataFrame:
        if key[0] == 1:
            return pdf.iloc[::-1]
        if key[0] == 2:
            return pdf.iloc[::2]
        return pdf[pdf["v"] < 1].set_index(pd.MultiIndex.from_arrays([["a", "a"], [1, 1]]))

    return pairs(spark).groupBy("k").applyInPandas(views, "k long, v double, s string")


@scenario(conf=ONE_TASK, expect="either")
def whole_typed_frame_survives_a_copy(spark: Any) -> Any:
    def rebuild(pdf: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([pdf.iloc[:2], pdf.iloc[2:]]).copy()

    columns = ["flag", "tiny", "whole", "single", "real", "text", "bytes", "day", "money", "moment", "wall", "list"]
    return typed(spark, columns).groupBy("g").applyInPandas(rebuild, schema(columns))
