#!/usr/bin/env bash
# Run every package's tests through colcon and close with one line a person (and CI) can read.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export ROS_DOMAIN_ID=${ROS_DOMAIN_ID:-$((RANDOM % 90 + 10))} # two runs on one machine do not hear each other
rm -f build/*/pytest.xml
# One package at a time: the integration tests pace real processes and share two cores with nobody.
colcon --log-level error test --executor sequential --event-handlers console_direct+ status- \
  --return-code-on-test-failure --pytest-args -q --color=no
status=$?
python3 scripts/test_summary.py build || status=1
exit $status
