#!/bin/bash
# What a container of the image does: the first argument says.
set -euo pipefail

usage() {
    cat <<'END'
usage: docker run IMAGE ROLE [ARGUMENT…]

  master            Spark's master, port 7077, web page 8080
  worker MASTER     a worker of spark://MASTER:7077, web page 8081
  history           the history server of /var/spark/events, web page 18080
  connect [OPTION…] a Spark Connect server, port 15002; options are spark-submit's
  submit OPTION…    spark-submit
  doctor            whether bowstring will be used in this image, and why not
  idle              waits, for docker exec
  driver, executor  what Spark on Kubernetes asks for
  PROGRAM …         runs the program

Memory and cores of a worker: SPARK_WORKER_MEMORY, SPARK_WORKER_CORES. Folders to write to: /tmp, /var/spark/work,
/var/spark/local, /var/spark/events.
END
}

# One line for each thing that will not work, before Spark starts and says it in many.
examine() {
    if [ ! -x /opt/venv/bin/bowstring ]; then
        return
    fi
    local status=0
    /opt/venv/bin/bowstring doctor --no-tasks --brief >&2 || status=$?
    if [ "$status" -gt 2 ]; then
        echo "bowstring: the doctor was ended with status $status: has the container less memory than the imports need?" >&2
    fi
}

role=${1:-help}
shift || true
host=$(hostname -i 2>/dev/null | cut -d' ' -f1 || true)
case $role in
master)
    exec spark-class org.apache.spark.deploy.master.Master --port 7077 --webui-port 8080 "$@"
    ;;
worker)
    [ $# -ge 1 ] || { usage >&2; exit 64; }
    examine
    master=$1
    shift
    exec spark-class org.apache.spark.deploy.worker.Worker --host "$host" --webui-port 8081 "$@" "spark://$master:7077"
    ;;
history)
    export SPARK_HISTORY_OPTS="-Dspark.history.fs.logDirectory=file:///var/spark/events ${SPARK_HISTORY_OPTS:-}"
    exec spark-class org.apache.spark.deploy.history.HistoryServer "$@"
    ;;
connect)
    exec spark-submit --class org.apache.spark.sql.connect.service.SparkConnectServer \
        --conf "spark.driver.host=$host" --conf spark.connect.grpc.binding.address=0.0.0.0 "$@" spark-internal
    ;;
submit)
    exec spark-submit --conf "spark.driver.host=$host" "$@"
    ;;
doctor)
    exec bowstring doctor "$@"
    ;;
idle)
    exec sleep infinity
    ;;
driver)
    exec spark-submit --conf "spark.driver.bindAddress=${SPARK_DRIVER_BIND_ADDRESS}" \
        --conf "spark.executorEnv.SPARK_DRIVER_POD_IP=${SPARK_DRIVER_BIND_ADDRESS}" --deploy-mode client "$@"
    ;;
executor)
    examine
    readarray -t options < <(env | sed -n 's/^SPARK_JAVA_OPT_[0-9]*=//p')
    exec "${JAVA_HOME:+$JAVA_HOME/bin/}java" "${options[@]}" -Xms"$SPARK_EXECUTOR_MEMORY" -Xmx"$SPARK_EXECUTOR_MEMORY" \
        -cp "$SPARK_HOME/conf:$SPARK_HOME/jars/*" org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend \
        --driver-url "$SPARK_DRIVER_URL" --executor-id "$SPARK_EXECUTOR_ID" --cores "$SPARK_EXECUTOR_CORES" \
        --app-id "$SPARK_APPLICATION_ID" --hostname "$SPARK_EXECUTOR_POD_IP" \
        --resourceProfileId "$SPARK_RESOURCE_PROFILE_ID" --podName "$SPARK_EXECUTOR_POD_NAME"
    ;;
help | --help | -h)
    usage
    ;;
*)
    exec "$role" "$@"
    ;;
esac
