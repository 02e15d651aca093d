#!/bin/bash
# Healthy if the port of the role answers. The role is the first argument of the container's program, process 1 being tini.
set -u
arguments=$(tr '\0' ' ' < /proc/1/cmdline)
case $arguments in
*entrypoint.sh\ master*) port=8080 ;;
*entrypoint.sh\ worker*) port=8081 ;;
*entrypoint.sh\ history*) port=18080 ;;
*entrypoint.sh\ connect*) port=15002 ;;
*) exit 0 ;;
esac
exec 3<> "/dev/tcp/$(hostname)/$port"
