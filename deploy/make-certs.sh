#!/usr/bin/env bash
# Makes a certificate authority and one controller certificate for tls+tcp:// listeners, with openssl.
# usage: deploy/make-certs.sh FOLDER NAME...
#   FOLDER  where ca.pem, ca.key, controller.pem and controller.key go (made if it is not there; nothing is overwritten)
#   NAME    DNS names and IP addresses by which agents reach the controller
# The keys are ECDSA P-256: Debian's mbedTLS, which nng uses, knows no Ed25519 certificates.
# TLS hides reports on the way and proves the controller's name; who an agent is, its own Ed25519 key says.
set -euo pipefail
if [ $# -lt 2 ]; then
  sed -n '2,5p' "$0" | cut -c3- >&2
  exit 64
fi
folder=$1
shift

mkdir -p "$folder"
for name in ca.pem ca.key controller.pem controller.key; do
  if [ -e "$folder/$name" ]; then
    echo "make-certs: $folder/$name is there already; choose another folder or remove it first" >&2
    exit 73
  fi
done

names=""
for name in "$@"; do
  # An address stands as a DNS name, too: mbedTLS 2.28, which nng uses, compares it with those alone.
  if [[ $name =~ ^[0-9.]+$ || $name == *:* ]]; then names+="IP:$name,DNS:$name,"; else names+="DNS:$name,"; fi
done
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

openssl ecparam -name prime256v1 -genkey -noout -out "$work/ca.key"
openssl req -x509 -new -key "$work/ca.key" -sha256 -days 3650 -subj "/CN=muster CA" \
  -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" -out "$work/ca.pem"
openssl ecparam -name prime256v1 -genkey -noout -out "$work/controller.key"
openssl req -new -key "$work/controller.key" -subj "/CN=$1" -out "$work/controller.csr"
printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n' "${names%,}" >"$work/ext"
openssl x509 -req -in "$work/controller.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -sha256 -days 825 \
  -extfile "$work/ext" -out "$work/controller.pem" 2>/dev/null
for name in ca.pem ca.key controller.pem controller.key; do mv "$work/$name" "$folder/$name"; done
chmod 644 "$folder/ca.pem" "$folder/controller.pem"
echo "make-certs: wrote ca.pem (give it to the agents), ca.key (keep it offline), controller.pem and controller.key to $folder"
