#!/usr/bin/env bash
# Installs what building and running muster needs on Debian 12. Safe to repeat: does nothing where all is there.
set -euo pipefail

packages=(
  gcc cmake ninja-build pkg-config make
  libnng-dev libmsgpack-dev libsodium-dev libyaml-dev libuv1-dev libsqlite3-dev
  libmicrohttpd-dev libgnutls28-dev libjansson-dev libcurl4-openssl-dev libhiredis-dev
  libpcre2-dev libsystemd-dev libyajl-dev zlib1g-dev
  openssl ca-certificates
)
# Debian has Hyperscan for x86 only; elsewhere log rules run on PCRE2 alone.
case $(dpkg --print-architecture) in amd64 | i386) packages+=(libhyperscan-dev) ;; esac

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "setup: these packages are missing; install them as root, then run this again:" >&2
  echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 69
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes
apt-get update -q >/dev/null
apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
