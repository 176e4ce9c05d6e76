#!/bin/sh
# answers.py in the Python environment of the tests.
set -eu
here=$(dirname "$0")
exec "$("$here/../venv.sh")/bin/python3" "$here/answers.py" "$@"
