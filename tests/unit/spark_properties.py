"""Records the configuration properties that a Spark knows, and since which release: one a line, in order.

    integration/.venvs/spark-4.3.0/bin/python tests/unit/spark_properties.py > tests/unit/spark_properties.txt

Asks the newest PySpark's jars: every object of Spark's that declares properties is loaded, and Spark's own registry is
read afterwards. Needs a JVM; what reads the list (`test_spark_conf.py`) does not. Run it again when a Spark version is
added.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def declaring(jars: Path) -> Iterator[str]:
    """The names of the objects that declare properties: those of packages `config`, and those that are called so."""
    for jar in sorted(jars.glob("spark-*.jar")):
        with zipfile.ZipFile(jar) as archive:
            for entry in archive.namelist():
                name = entry.removesuffix(".class").replace("/", ".")
                words = name.rstrip("$").split(".")
                if name.startswith("org.apache.spark.") and name.endswith("$"):
                    if "config" in words or words[-1].lower().endswith(("config", "conf")):
                        yield name


def known(jvm: Any, jars: Path) -> dict[str, str]:
    """The release in which each property came, by its name; an empty text where Spark does not say it."""
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    for name in declaring(jars):
        jvm.java.lang.Class.forName(name, True, loader)
    registry = getattr(getattr(jvm, "org.apache.spark.internal.config.ConfigEntry$"), "MODULE$").knownConfigs()
    return {name: registry[name].version() for name in registry}


def main() -> None:
    """Prints the list."""
    import pyspark
    from pyspark import SparkConf
    from pyspark.java_gateway import launch_gateway

    gateway = launch_gateway(SparkConf())
    found = known(gateway.jvm, Path(pyspark.__file__).parent / "jars")
    gateway.shutdown()
    print(f"# Spark {pyspark.__version__}, made by tests/unit/spark_properties.py")
    for name, since in sorted(found.items()):
        print(f"{name} {since}".strip())


if __name__ == "__main__":
    main()
