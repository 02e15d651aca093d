#!/bin/bash
# Makes the image that `FROM debian:SUITE-slim` names, out of Debian's packages, where it is not here and cannot be pulled.
#
#   docker/base.sh [debian:bookworm-slim]
#
# Needs debootstrap and root for that. DEBIAN_MIRROR names another mirror.
set -euo pipefail

image=${1:-debian:bookworm-slim}
if docker image inspect "$image" > /dev/null 2>&1; then
    exit 0
fi
if docker pull --quiet "$image" 2> /dev/null; then
    exit 0
fi
if [[ ! $image =~ ^debian:([a-z]+)-slim$ ]]; then
    echo "docker/base.sh: $image can not be pulled, and only debian:SUITE-slim can be made from packages" >&2
    exit 1
fi
suite=${BASH_REMATCH[1]}
if ! command -v debootstrap > /dev/null; then
    echo "docker/base.sh: $image can not be pulled; to make it from packages: apt-get install debootstrap" >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "docker/base.sh: $image can not be pulled; making it from packages needs root: sudo docker/base.sh $image" >&2
    exit 1
fi
echo "docker/base.sh: $image can not be pulled: making it from Debian's packages, about a minute" >&2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if ! debootstrap --variant=minbase "$suite" "$folder/root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} > "$folder/log" 2>&1; then
    tail -n 20 "$folder/log" >&2
    exit 1
fi
# As Debian's own slim images are: no documents, no lists of packages, nothing downloaded, no service is started.
cat > "$folder/root/etc/dpkg/dpkg.cfg.d/slim" <<'END'
path-exclude /usr/share/doc/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
END
printf '#!/bin/sh\nexit 101\n' > "$folder/root/usr/sbin/policy-rc.d"
chmod +x "$folder/root/usr/sbin/policy-rc.d"
for part in usr/share/doc usr/share/info usr/share/locale usr/share/man var/cache/apt var/lib/apt/lists var/log; do
    find "$folder/root/$part" -mindepth 1 -delete
done
tar -C "$folder/root" -c . | docker import --change 'CMD ["bash"]' --message "debootstrap $suite" - "$image" > /dev/null
