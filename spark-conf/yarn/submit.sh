#!/bin/bash
# Submits a program to YARN: submit.sh PROGRAM.py [ARGUMENT…]
# Without a program: asks every executor whether bowstring serves it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
if [[ $# -eq 0 ]]; then
    set -- "${here}/../doctor.py"
fi
# With --properties-file Spark does not read $SPARK_HOME/conf/spark-defaults.conf.
exec spark-submit --properties-file "${here}/spark-defaults.conf" "$@"
