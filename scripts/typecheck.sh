#!/usr/bin/env bash
# Check the types of every package and of benchmarks; pyrefly.toml holds the settings.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec pyrefly check
