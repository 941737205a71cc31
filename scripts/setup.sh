#!/usr/bin/env bash
# Set up everything f2o needs: Debian packages, a virtual environment, ROS 2, the built workspace.
# With a ROS 2 (Jazzy or Kilted) sourced, that one is used; otherwise ROS 2 comes from PyPI wheels.
# Idempotent: each step leaves a stamp of what it was made from, and is skipped while that has not changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
VENV=$ROOT/.venv
STAMPS=$VENV/.f2o

say() { printf '\033[1m[setup]\033[0m %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 2; }

# --- which ROS ------------------------------------------------------------------------------------------------
# An env.sh made from wheels, of this clone or another, names a ROS_DISTRO too: that is no installed ROS 2.
ROS=wheels
if [ -n "${ROS_DISTRO:-}" ] && [ -z "${F2O_ROS_FROM_WHEELS:-}" ]; then
  case "$ROS_DISTRO" in
    jazzy | kilted) ROS=$ROS_DISTRO ;;
    *) die "ROS_DISTRO is '$ROS_DISTRO': expected jazzy or kilted, or a shell with no ROS sourced." ;;
  esac
  [ -f "/opt/ros/$ROS/setup.bash" ] \
    || die "ROS_DISTRO is '$ROS' but there is no /opt/ros/$ROS/setup.bash: expected an installed ROS 2, or a shell with no ROS sourced."
fi

# --- Debian packages ------------------------------------------------------------------------------------------
# python3-venv only where the interpreter lacks it; g++ and cmake build f2o_msgs; the rest is OpenGL without a screen.
need=()
have() { dpkg -s "$1" 2>/dev/null | grep -q '^Status: install ok installed'; }
command -v g++ >/dev/null || need+=(g++)
command -v cmake >/dev/null || need+=(cmake)
command -v make >/dev/null || need+=(make)
python3 -c 'import ensurepip, venv' 2>/dev/null || need+=(python3-venv)
python3 -c 'import sysconfig, pathlib, sys; sys.exit(not (pathlib.Path(sysconfig.get_path("include")) / "Python.h").exists())' || need+=(python3-dev)
if command -v dpkg >/dev/null; then
  for p in libegl1 libgl1-mesa-dri; do have "$p" || need+=("$p"); done
fi
if [ ${#need[@]} -gt 0 ]; then
  say "installing Debian packages: ${need[*]}"
  if [ "$(id -u)" = 0 ]; then SUDO=(); elif command -v sudo >/dev/null; then SUDO=(sudo); else
    die "these Debian packages are missing and there is neither root nor sudo to install them: ${need[*]}"
  fi
  export DEBIAN_FRONTEND=noninteractive
  "${SUDO[@]}" apt-get update -qq || die "apt-get update failed; install by hand: ${need[*]}"
  "${SUDO[@]}" apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null || die "apt-get could not install: ${need[*]}"
fi

# --- virtual environment --------------------------------------------------------------------------------------
python3 -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
  || die "Python $(python3 -V | cut -d' ' -f2) found: expected 3.11 to 3.13, for which ROS 2 wheels exist."
constraints=requirements/constraints.txt
files=(requirements/core.txt)
[ "$ROS" != wheels ] || files+=(requirements/ros.txt)
want=$( (echo "$ROS $(python3 -V) $ROOT"; cat "${files[@]}" "$constraints") | sha256sum | cut -d' ' -f1)
if [ "$(cat "$STAMPS/venv" 2>/dev/null || true)" != "$want" ]; then
  say "making the virtual environment .venv (ROS 2: $ROS); some 1.3 GB of packages on the first run"
  venv_flags=(); [ "$ROS" = wheels ] || venv_flags=(--system-site-packages)
  PYTHONPATH='' python3 -m venv "${venv_flags[@]}" "$VENV"
  mkdir -p "$STAMPS"
  pip=("$VENV/bin/python" -m pip --disable-pip-version-check)
  "${pip[@]}" install -q 'setuptools<80' wheel
  args=(); for f in "${files[@]}"; do args+=(-r "$f"); done
  # pip's own bars are lost in a pipe: one line a package shows that it is getting on
  set +e
  "${pip[@]}" install -c "$constraints" "${args[@]}" | grep --line-buffered -E '^(Collecting|Installing)' | sed -u 's, (from.*,,'
  status=${PIPESTATUS[0]}
  set -e
  [ "$status" = 0 ] || die "pip could not install requirements/*.txt; its message is above."
  [ "$ROS" != wheels ] || "$VENV/bin/python" scripts/relocate_ros_wheels.py
  echo "$want" >"$STAMPS/venv"
fi

# --- the script that a shell sources --------------------------------------------------------------------------
if [ "$ROS" = wheels ]; then
  libs=$(echo "$VENV"/lib/python3.*/site-packages/ros_*.libs | tr ' ' ':')
  cat >"$ROOT/env.sh" <<EOT
# Made by scripts/setup.sh: ROS 2 from PyPI wheels, the virtual environment, the built workspace.
export F2O_ROS_FROM_WHEELS="$VENV" ROS_DISTRO=kilted ROS_VERSION=2 ROS_PYTHON_VERSION=3
export AMENT_PREFIX_PATH="$VENV" CMAKE_PREFIX_PATH="$VENV" LD_LIBRARY_PATH="$VENV/lib:$libs"
export _ROS_WHEELS_BOOTSTRAP_COMPLETE=1  # else the wheels start every Python twice, to set LD_LIBRARY_PATH
EOT
else
  cat >"$ROOT/env.sh" <<EOT
# Made by scripts/setup.sh on top of ROS 2 $ROS: the virtual environment, the built workspace.
source /opt/ros/$ROS/setup.bash
EOT
fi
cat >>"$ROOT/env.sh" <<EOT
source "$VENV/bin/activate"
[ ! -f "$ROOT/install/local_setup.bash" ] || source "$ROOT/install/local_setup.bash"
# ros2 run finds the nodes by package; the commands f2o and f2o-launch are typed alone.
export PATH="$ROOT/install/f2o_bringup/lib/f2o_bringup:\$PATH"
# Nothing leaves this machine, and images get through (Fast DDS's default transport loses two of three).
export ROS_AUTOMATIC_DISCOVERY_RANGE="\${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}"
export FASTDDS_BUILTIN_TRANSPORTS="\${FASTDDS_BUILTIN_TRANSPORTS:-LARGE_DATA}"
export FASTDDS_DEFAULT_PROFILES_FILE="\${FASTDDS_DEFAULT_PROFILES_FILE:-$ROOT/config/dds.xml}"
EOT

# --- workspace ------------------------------------------------------------------------------------------------
# Python sources are linked, not copied: only what describes the packages asks for a new build.
built=$(find src launch config -type f \( -name package.xml -o -name 'setup.*' -o -name CMakeLists.txt -o -name '*.msg' \
  -o -name '*.srv' -o -path 'config/*' -o -name '*.launch.py' \) -not -path '*/build/*' -print0 | sort -z | xargs -0 sha256sum | sha256sum)
built="$want $built"
if [ "$(cat "$STAMPS/built" 2>/dev/null || true)" != "$built" ]; then
  say "building the workspace (colcon build)"
  set +u; source "$ROOT/env.sh"; set -u
  set +e
  colcon --log-level error build --symlink-install --event-handlers console_cohesion- status- \
    --cmake-args -DBUILD_TESTING=OFF -DPython3_EXECUTABLE="$VENV/bin/python" --no-warn-unused-cli 2>&1 | grep -vE 'local_setup|^$'
  status=${PIPESTATUS[0]}
  set -e
  [ "$status" = 0 ] || die "colcon build failed; see log/latest_build."
  echo "$built" >"$STAMPS/built"
fi
say "ready: source env.sh"
