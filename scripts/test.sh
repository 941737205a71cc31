#!/usr/bin/env bash
# Run every package's tests through colcon, then the benchmarks' own; close with one line a person (and CI) can read.
# --ros: only the files that use ROS 2, which is what differs between two distributions.
set -uo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
SUFFIX=''
[ "${F2O_ROS:-}" != jazzy ] || SUFFIX=-jazzy
BUILD=$PWD/build$SUFFIX
PYTEST=(-q --color=no --tb=short)
export ROS_DOMAIN_ID=${ROS_DOMAIN_ID:-$((RANDOM % 90 + 10))} # two runs on one machine do not hear each other
rm -f "$BUILD"/*/pytest.xml
status=0 folders=()

in_folder() { # name, folder, what to run there: pytest, as colcon runs it
  local name=$1 folder=$2
  shift 2
  mkdir -p "$BUILD/$name"
  (cd "$folder" && python -m pytest "${PYTEST[@]}" -o cache_dir="$BUILD/$name/.pytest_cache" \
    --junit-xml="$BUILD/$name/pytest.xml" --junit-prefix="$name" "$@") || status=1
}

ros_files() { # those of a folder's tests
  (cd "$1" && grep -lE 'rclpy|_msgs|message_filters|launch' test/test_*.py)
}

test_benchmarks() { # the benchmarks' tests: they are not installed, what they start finds them below this folder
  PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} in_folder benchmarks benchmarks "$@"
  folders+=(benchmarks)
}

if [ "${1:-}" = --ros ]; then
  for folder in src/*/test; do
    folder=${folder%/test} name=$(basename "${folder%/test}")
    mapfile -t files < <(ros_files "$folder")
    [ ${#files[@]} -gt 0 ] || continue
    echo "--- $name"
    in_folder "$name" "$folder" "${files[@]}"
    folders+=("$name")
  done
  test_benchmarks test/test_whole_loop.py test/test_two_arms.py # the graph; what measures is the same on both
else
  # One package at a time: the integration tests pace real processes and share two cores with nobody.
  colcon --log-base "log$SUFFIX" --log-level error test --build-base "$BUILD" --install-base "install$SUFFIX" \
    --executor sequential --event-handlers console_direct+ status- \
    --return-code-on-test-failure --pytest-args "${PYTEST[@]}" || status=1
  for folder in src/*/test; do folders+=("$(basename "$(dirname "$folder")")"); done
  test_benchmarks
fi
python3 scripts/test_summary.py "${folders[@]/#/$BUILD/}" || status=1
exit $status
