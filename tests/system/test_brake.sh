#!/bin/sh
# A few runs of the figures on what bad releases reach, and on good ones: the real fleet code, a
# small fleet of model devices, virtual time; and that a decision allocates nothing.
set -eu
"$TESTED_BUILD"/tests/figure_brake quick
"$TESTED_BUILD"/tests/figure_falsehalt quick
"$TESTED_BUILD"/tests/figure_decide quick
