#!/bin/sh
# Run the command `feeds` of this checkout: sh config/feeds.sh daemon
# The first time it is installed into a virtual environment (.venv), later only when something changed.
set -eu
bin=$(sh "$(dirname "$0")/environment.sh")
exec "$bin/feeds" "$@"
