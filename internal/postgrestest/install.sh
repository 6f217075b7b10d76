#!/bin/sh
# Installs a PostgreSQL server from the system's packages, if there is none.
set -eu
if command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
  exit 0
fi
run=""
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "PostgreSQL is needed for the tests; install the package postgresql as root" >&2
    exit 1
  fi
  run="sudo"
fi
$run apt-get update -q
DEBIAN_FRONTEND=noninteractive $run apt-get install -y -q --no-install-recommends postgresql
