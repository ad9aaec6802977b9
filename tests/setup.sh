#!/usr/bin/env bash
# Installs what muster's tests need on top of deploy/setup.sh: compilers and checkers, Criterion, the peers that tests and
# benches measure against, and a Python environment under tests/.venv. Safe to repeat.
set -euo pipefail
cd "$(dirname "$0")/.."

./deploy/setup.sh

packages=(
  ccache clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev llvm-14
  docker.io busybox-static podman runc
  libyajl-dev
  libcriterion-dev iproute2 iptables procps sqlite3
  prometheus-node-exporter prometheus prometheus-blackbox-exporter collectd-core redis-server
  python3 python3-venv git curl systemd systemd-journal-remote
)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -ne 0 ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "setup: these packages are missing; install them as root, then run this again:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 69
  fi
  echo "setup: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes
  apt-get update -q >/dev/null
  # Debian starts installed services at once; the tests start their own on free ports.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
fi

wanted=tests/requirements.txt
stamp=tests/.venv/installed
if ! cmp -s "$wanted" "$stamp" 2>/dev/null; then
  rm -rf tests/.venv
  /usr/bin/python3 -m venv tests/.venv
  tests/.venv/bin/pip install -q --disable-pip-version-check -r "$wanted"
  cp "$wanted" "$stamp"
fi
