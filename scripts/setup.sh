#!/usr/bin/env bash
# Set up everything f2o needs: Debian packages, a virtual environment, ROS 2, the built workspace.
# With a ROS 2 (Jazzy or Kilted) sourced, that one is used. Otherwise ROS 2 comes from PyPI wheels: Kilted, or what
# F2O_ROS says (kilted, jazzy). Jazzy's wheels stand beside the rest: .venv-jazzy, install-jazzy, env-jazzy.sh.
# F2O_TORCH (cpu, cuda) chooses torch's build; a later run without it keeps the choice.
# Idempotent: each step leaves a stamp of what it was made from, and is skipped while that has not changed.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD

say() { printf '\033[1m[setup]\033[0m %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 2; }

# --- which ROS ------------------------------------------------------------------------------------------------
# An env.sh made from wheels, of this clone or another, names a ROS_DISTRO too: that is no installed ROS 2.
FROM=wheels DISTRO=${F2O_ROS:-kilted}
case "$DISTRO" in
  jazzy | kilted) ;;
  *) die "F2O_ROS is '$DISTRO': expected jazzy or kilted." ;;
esac
if [ -n "${ROS_DISTRO:-}" ] && [ -z "${F2O_ROS_FROM_WHEELS:-}" ]; then
  case "$ROS_DISTRO" in
    jazzy | kilted) ;;
    *) die "ROS_DISTRO is '$ROS_DISTRO': expected jazzy or kilted, or a shell with no ROS sourced." ;;
  esac
  [ -z "${F2O_ROS:-}" ] \
    || die "F2O_ROS is '$F2O_ROS' and ROS 2 $ROS_DISTRO is sourced: expected only one of the two (F2O_ROS takes ROS 2 from wheels)."
  [ -f "/opt/ros/$ROS_DISTRO/setup.bash" ] \
    || die "ROS_DISTRO is '$ROS_DISTRO' but there is no /opt/ros/$ROS_DISTRO/setup.bash: expected an installed ROS 2, or a shell with no ROS sourced."
  FROM=installed DISTRO=$ROS_DISTRO
fi
SUFFIX=''
[ "$FROM $DISTRO" != 'wheels jazzy' ] || SUFFIX=-jazzy
VENV=$ROOT/.venv$SUFFIX
INSTALL=$ROOT/install$SUFFIX
ENV_SH=$ROOT/env$SUFFIX.sh
STAMPS=$VENV/.f2o
TORCH=${F2O_TORCH:-$(cat "$STAMPS/torch" 2>/dev/null || true)}
torch=$(scripts/torch_requirement.sh "$TORCH") || exit 2

# --- Debian packages ------------------------------------------------------------------------------------------
# python3-venv only where the interpreter lacks it; g++ and cmake build f2o_msgs; the rest is OpenGL without a screen,
# and what open3d's wheel links to.
need=()
have() { dpkg -s "$1" 2>/dev/null | grep -q '^Status: install ok installed'; }
command -v g++ >/dev/null || need+=(g++)
command -v cmake >/dev/null || need+=(cmake)
command -v make >/dev/null || need+=(make)
python3 -c 'import ensurepip, venv' 2>/dev/null || need+=(python3-venv)
python3 -c 'import sysconfig, pathlib, sys; sys.exit(not (pathlib.Path(sysconfig.get_path("include")) / "Python.h").exists())' || need+=(python3-dev)
if command -v dpkg >/dev/null; then
  for p in libegl1 libgl1-mesa-dri libusb-1.0-0 libudev1; do have "$p" || need+=("$p"); done
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
requirements=(requirements/core.txt) constraints=(requirements/constraints.txt)
if [ "$FROM" = wheels ]; then
  requirements+=("requirements/ros_$DISTRO.txt") constraints+=("requirements/constraints_$DISTRO.txt")
  instead=()
else
  instead=(requirements/installed_ros.txt)
fi
want=$( (echo "$FROM $DISTRO $torch $(python3 -V) $ROOT"; cat "${requirements[@]}" "${constraints[@]}" "${instead[@]}") | sha256sum | cut -d' ' -f1)
if [ "$(cat "$STAMPS/venv" 2>/dev/null || true)" != "$want" ]; then
  say "making the virtual environment ${VENV##*/} (ROS 2 $DISTRO, $FROM); some 1.3 GB of packages on the first run"
  venv_flags=(); [ "$FROM" = wheels ] || venv_flags=(--system-site-packages)
  home=$(python3 -c 'import os, sys; print(os.path.dirname(os.path.abspath(sys._base_executable)))')
  if [ -f "$VENV/pyvenv.cfg" ] && ! grep -qxF "home = $home" "$VENV/pyvenv.cfg"; then venv_flags+=(--clear); fi # another Python
  rm -f "$STAMPS/venv" # until all of it is there
  PYTHONPATH='' python3 -m venv "${venv_flags[@]}" "$VENV"
  mkdir -p "$STAMPS"
  pip=(env PYTHONPATH= "$VENV/bin/python" -m pip --disable-pip-version-check)
  "${pip[@]}" install -q 'setuptools<80' wheel
  if [ -n "$TORCH" ]; then # first and alone: where its build is not to be had, nothing else is fetched
    "${pip[@]}" install -q --no-deps "$torch" || die "pip finds no $torch (F2O_TORCH=$TORCH); its message is above.$(
      [ "$TORCH" = cuda ] || echo " PyTorch's CPU builds have an index of their own: put the address that its installation page gives into PIP_EXTRA_INDEX_URL.")"
  fi
  args=(); for f in "${constraints[@]}"; do args+=(-c "$f"); done
  for f in "${requirements[@]}"; do args+=(-r "$f"); done
  args+=("$torch")
  # pip's own bars are lost in a pipe: one line per package shows that it is getting on
  set +e
  "${pip[@]}" install "${args[@]}" | grep --line-buffered -E '^(Collecting|Installing)' | sed -u 's, (from.*,,'
  status=${PIPESTATUS[0]}
  set -e
  [ "$status" = 0 ] || die "pip could not install ${requirements[*]}; its message is above."
  for f in "${instead[@]}"; do
    # pip says of cmeel-boost and rerun that they ask for numpy 2: the file says why that is meant
    "${pip[@]}" install -q --no-deps -r "$f" 2> >(grep -v -e 'dependency resolver' -e 'which is incompatible' >&2) \
      || die "pip could not install $f; its message is above."
  done
  if [ "$FROM" = wheels ]; then "$VENV/bin/python" scripts/relocate_ros_wheels.py
  else PYTHONPATH='' "$VENV/bin/python" scripts/prefer_own_libraries.py; fi
  echo "$TORCH" >"$STAMPS/torch"
  echo "$want" >"$STAMPS/venv"
fi

# --- the script that a shell sources --------------------------------------------------------------------------
if [ "$FROM" = wheels ]; then
  libs=$(echo "$VENV"/lib/python3.*/site-packages/ros_*.libs | tr ' ' ':')
  cat >"$ENV_SH" <<EOT
# Made by scripts/setup.sh: ROS 2 from PyPI wheels, the virtual environment, the built workspace.
export F2O_ROS=$DISTRO F2O_ROS_FROM_WHEELS="$VENV" ROS_DISTRO=$DISTRO ROS_VERSION=2 ROS_PYTHON_VERSION=3
export AMENT_PREFIX_PATH="$VENV" CMAKE_PREFIX_PATH="$VENV" LD_LIBRARY_PATH="$VENV/lib:$libs"
export _ROS_WHEELS_BOOTSTRAP_COMPLETE=1  # else the wheels start every Python twice, to set LD_LIBRARY_PATH
EOT
else
  # ROS puts itself on PYTHONPATH, which goes before the virtual environment: its pinocchio is another version, and
  # ros2 (of the system's Python) would not see the environment at all. cmeel.prefix is pinocchio's own site-packages.
  site=$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  sites=$(printf '%s:' "$site"/cmeel.prefix/lib/python3.*/site-packages)$site
  cat >"$ENV_SH" <<EOT
# Made by scripts/setup.sh on top of ROS 2 $DISTRO: the virtual environment, the built workspace.
source /opt/ros/$DISTRO/setup.bash
export PYTHONPATH="$sites\${PYTHONPATH:+:\$PYTHONPATH}"
EOT
fi
cat >>"$ENV_SH" <<EOT
source "$VENV/bin/activate"
[ ! -f "$INSTALL/local_setup.bash" ] || source "$INSTALL/local_setup.bash"
# ros2 run finds the nodes by package; the commands f2o and f2o-launch are typed alone.
export PATH="$INSTALL/f2o_bringup/lib/f2o_bringup:$INSTALL/lib/f2o_bringup:\$PATH"
# Nothing leaves this machine, and images get through (Fast DDS's default transport loses two of three).
export ROS_AUTOMATIC_DISCOVERY_RANGE="\${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}"
export FASTDDS_BUILTIN_TRANSPORTS="\${FASTDDS_BUILTIN_TRANSPORTS:-LARGE_DATA}"
EOT
# Jazzy's Fast DDS reads one variable, Kilted's also the other and then warns of the first.
if [ "$DISTRO" = jazzy ]; then
  cat >>"$ENV_SH" <<EOT
export FASTRTPS_DEFAULT_PROFILES_FILE="\${FASTRTPS_DEFAULT_PROFILES_FILE:-\${FASTDDS_DEFAULT_PROFILES_FILE:-$ROOT/config/dds.xml}}"
EOT
else
  cat >>"$ENV_SH" <<EOT
[ "\${FASTRTPS_DEFAULT_PROFILES_FILE:-}" != "$ROOT/config/dds.xml" ] || unset FASTRTPS_DEFAULT_PROFILES_FILE # env-jazzy.sh's
[ -n "\${FASTRTPS_DEFAULT_PROFILES_FILE:-}" ] \
  || export FASTDDS_DEFAULT_PROFILES_FILE="\${FASTDDS_DEFAULT_PROFILES_FILE:-$ROOT/config/dds.xml}"
EOT
fi

# --- workspace ------------------------------------------------------------------------------------------------
# Python sources are linked, not copied: only what describes the packages asks for a new build.
built=$(find src launch config -type f \( -name package.xml -o -name 'setup.*' -o -name CMakeLists.txt -o -name '*.msg' \
  -o -name '*.srv' -o -path 'config/*' -o -name '*.launch.py' \) -not -path '*/build/*' -print0 | sort -z | xargs -0 sha256sum | sha256sum)
built="$want $built"
if [ "$(cat "$STAMPS/built" 2>/dev/null || true)" != "$built" ] || [ ! -d "$INSTALL" ]; then
  say "building the workspace (colcon build)"
  set +u; source "$ENV_SH"; set -u
  set +e
  colcon --log-base "log$SUFFIX" --log-level error build --build-base "build$SUFFIX" --install-base "install$SUFFIX" \
    --symlink-install --event-handlers console_cohesion- status- \
    --cmake-args -DBUILD_TESTING=OFF -DPython3_EXECUTABLE="$VENV/bin/python" --no-warn-unused-cli 2>&1 | grep -vE 'local_setup|^$'
  status=${PIPESTATUS[0]}
  set -e
  [ "$status" = 0 ] || die "colcon build failed; see log$SUFFIX/latest_build."
  echo "$built" >"$STAMPS/built"
fi
say "ready: source ${ENV_SH##*/}"
