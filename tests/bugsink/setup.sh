#!/usr/bin/env bash
# Installs Bugsink and Sentry's Relay beneath target/bugsink, and an empty database that each test begins with a copy of.
set -euo pipefail
cd "$(dirname "$0")"
home=$(realpath -m "${1:-../../target/bugsink}")

if ! python3 -c 'import ensurepip' 2>/dev/null; then
    sudo=$([ "$(id -u)" = 0 ] || echo sudo)
    $sudo apt-get update -q
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends python3-venv
fi
mkdir -p "$home"
[ -x "$home/venv/bin/pip" ] || python3 -m venv "$home/venv"
"$home/venv/bin/pip" install -q --disable-pip-version-check bugsink==2.6.1 sentry-relay==0.10.1

rm -rf "$home/empty"
mkdir "$home/empty"
export BUGSINK_HOME=$home/empty PYTHONPATH=$PWD PYTHONDONTWRITEBYTECODE=1 DJANGO_SETTINGS_MODULE=bugsink_conf
manage=$home/venv/bin/bugsink-manage
"$manage" migrate -v0
"$manage" migrate snappea --database=snappea -v0
"$manage" shell -v0 <seed.py
