"""The client that plays Spark's JVM, under the name that tests, parity and benchmarks use. The doctor has it, too."""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parents[2] / "python" / "bowstring" / "_fakejvm")]
