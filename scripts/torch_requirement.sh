#!/usr/bin/env bash
# Print what to ask pip for, so that torch is the build that is wanted: cpu, cuda, or '' for whichever pip finds first
# (from PyPI on Linux: CUDA). pip compares strings after ===: 2.13.0 is PyPI's build, 2.13.0+cpu another.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
version=$(sed -n 's/^torch==//p' requirements/core.txt)
case "${1:-}" in
  '') echo "torch==$version" ;;
  cpu) echo "torch==$version+cpu" ;;
  cuda) echo "torch===$version" ;;
  *)
    echo "setup: F2O_TORCH is '$1': expected cpu or cuda, or nothing for whichever build pip finds first." >&2
    exit 2
    ;;
esac
