#!/bin/bash
# Submits a program to a standalone cluster: MASTER=spark://host:7077 submit.sh PROGRAM.py [ARGUMENT…]
# Without a program: asks every executor whether bowstring serves it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
master=${MASTER:?name the master: MASTER=spark://host:7077}
if [[ $# -eq 0 ]]; then
    set -- "${here}/../doctor.py"
fi
# With --properties-file Spark does not read $SPARK_HOME/conf/spark-defaults.conf.
exec spark-submit --master "${master}" --properties-file "${here}/spark-defaults.conf" "$@"
