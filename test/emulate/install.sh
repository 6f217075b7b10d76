#!/bin/sh
# Installs emulate, an OAuth server of Slack's that we did not write, for the test beside it. Runs no script of any package.
set -e
cd "$(dirname "$0")"
if [ -f node_modules/.package-lock.json ] && [ ! package-lock.json -nt node_modules/.package-lock.json ]; then
	exit 0
fi
npm ci --ignore-scripts --no-fund --no-audit --loglevel=error
touch node_modules/.package-lock.json
