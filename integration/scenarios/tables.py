"""Small typed tables, made by the JVM alone, so that the only Python at work is what a scenario is about."""

from __future__ import annotations

from typing import Any

VALUES: dict[str, tuple[str, list[str]]] = {
    "flag": ("boolean", ["true", "false", "true", "false"]),
    "tiny": ("tinyint", ["-128Y", "127Y", "0Y", "1Y"]),
    "small": ("smallint", ["-32768S", "32767S", "0S", "1S"]),
    "whole": ("int", ["-2147483648", "2147483647", "0", "1"]),
    "big": ("bigint", ["-9223372036854775808L", "9223372036854775807L", "9007199254740993L", "1L"]),
    "single": ("float", ["float('NaN')", "float('-Infinity')", "float('-0.0')", "float('3.4028235e38')"]),
    "real": ("double", ["double('NaN')", "double('Infinity')", "double('-0.0')", "double('4.9e-324')"]),
    "text": ("string", ["''", "'ascii'", "'žluťoučký 🐎 \\u0000'", "repeat('x', 300)"]),
    "bytes": ("binary", ["x''", "x'00ff'", "x'c328'", "cast(repeat('y', 300) as binary)"]),
    "day": ("date", ["date'1970-01-01'", "date'1582-10-04'", "date'9999-12-31'", "date'2024-02-29'"]),
    "money": ("decimal(10,2)", ["99999999.99BD", "-99999999.99BD", "0.00BD", "1.50BD"]),
    "exact": (
        "decimal(38,18)",
        ["99999999999999999999.999999999999999999BD", "-0.000000000000000001BD", "0BD", "1.5BD"],
    ),
    "moment": (
        "timestamp",
        [
            "timestamp'1970-01-01 00:00:00'",
            "timestamp'2024-03-10 02:30:00.123456'",
            "timestamp'2024-11-03 01:30:00'",
            "timestamp'1901-01-01 00:00:00.000001'",
        ],
    ),
    "wall": (
        "timestamp_ntz",
        [
            "timestamp_ntz'1970-01-01 00:00:00'",
            "timestamp_ntz'2024-03-10 02:30:00.123456'",
            "timestamp_ntz'2024-11-03 01:30:00'",
            "timestamp_ntz'1901-01-01 00:00:00.000001'",
        ],
    ),
    "span": (
        "interval day to second",
        [
            "interval '0 00:00:00' day to second",
            "interval '-1 02:03:04.000005' day to second",
            "interval '10000 23:59:59.999999' day to second",
            "interval '0 00:00:00.000001' day to second",
        ],
    ),
    "nothing": ("void", ["null", "null", "null", "null"]),
    "list": ("array<int>", ["array()", "array(1, null, 3)", "array(null)", "array(1)"]),
    "map": ("map<string,int>", ["map()", "map('a', 1)", "map('b', null)", "map('c', 3, 'd', 4)"]),
    "record": (
        "struct<x:int,y:string>",
        ["struct(1, 'a')", "struct(null, 'b')", "struct(3, null)", "struct(null, null)"],
    ),
    "nested": (
        "array<struct<at:date,tags:map<string,array<double>>>>",
        [
            "array()",
            "array(struct(date'2024-02-29', map('k', array(1.5D, null))))",
            "array(null, struct(null, null))",
            "array(struct(date'1970-01-01', map()), struct(null, map('z', null)))",
        ],
    ),
}
"""Column name: its type and four values, extremes among them."""

FAMILIES = {
    "numbers": ["flag", "tiny", "small", "whole", "big", "single", "real"],
    "decimals": ["money", "exact"],
    "texts": ["text", "bytes"],
    "times": ["day", "moment", "wall", "span"],
    "nested": ["nothing", "list", "map", "record", "nested"],
}
"""Columns that are tried together in one job."""


def typed(spark: Any, columns: list[str] | None = None) -> Any:
    """Twelve rows in three groups of four: `g` is `none`, `some` or `all` of the values being null, `i` is 0 to 3."""
    chosen = columns or list(VALUES)
    rows = []
    for pattern in ("none", "some", "all"):
        for index in range(4):
            null = pattern == "all" or (pattern == "some" and index % 2 == 0)
            cells = (f"cast({'null' if null else VALUES[name][1][index]} as {VALUES[name][0]})" for name in chosen)
            rows.append(f"('{pattern}', {index}, {', '.join(cells)})")
    return spark.sql(f"select * from values {', '.join(rows)} as t(g, i, {', '.join(chosen)})")


def schema(columns: list[str] | None = None) -> str:
    """The schema of [`typed`] as DDL."""
    chosen = columns or list(VALUES)
    return ", ".join(["g string", "i int", *(f"{column} {VALUES[column][0]}" for column in chosen)])


def pairs(spark: Any) -> Any:
    """Ten rows in three groups: `k` bigint, `v` double with a NaN, `s` string with a null."""
    return spark.sql(
        "select * from values (1L, 1.5D, 'a'), (1L, 2.5D, 'b'), (1L, -0.0D, ''), (2L, double('NaN'), 'c'), "
        "(2L, 4.0D, null), (2L, null, 'ž'), (2L, 7.0D, 'd'), (3L, 1e300D, 'e'), (3L, 0.1D, 'f'), (3L, 0.2D, 'g') "
        "as t(k, v, s)"
    )


def no_rows(spark: Any) -> Any:
    """The columns of `pairs` without a row, which the optimizer does not see: tasks run, and find nothing."""
    return spark.range(4, numPartitions=2).where("id > 50").selectExpr("id as k", "id * 0.5D as v", "string(id) as s")
