#!/bin/sh
# Builds the console into ../dist/app, if anything it is made of is newer than what was built. Runs no script of any package.
set -e
cd "$(dirname "$0")"
built=../dist/app/index.html
if [ -f "$built" ] && [ -z "$(find src public index.html vite.config.js tsconfig.json package-lock.json ../../api/openapi.json -newer "$built" -print -quit)" ]; then
	exit 0
fi
if ! command -v npm >/dev/null 2>&1; then
	echo "The console needs Node 20 or later to be built (npm was not found). Without it the program works, but for the web pages." >&2
	exit 1
fi
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
	npm ci --ignore-scripts --no-fund --no-audit --loglevel=error
	touch node_modules/.package-lock.json
fi
npm run --silent types
npx tsc --noEmit
npx vite build --logLevel=warn
