#!/bin/bash
# Starts a Spark Connect server in the background: MASTER=spark://host:7077 start-server.sh [OPTION OF spark-submit…]
# Without MASTER it is a server with executors in itself. sbin/stop-connect-server.sh ends it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
home=${SPARK_HOME:?set SPARK_HOME; for a PySpark that pip has installed, the folder that holds jars and sbin}
exec "${home}/sbin/start-connect-server.sh" --master "${MASTER:-local[*]}" \
    --properties-file "${here}/spark-defaults.conf" "$@"
