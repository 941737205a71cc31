"""Point the CMake files of the ROS 2 wheels at this environment.

The wheels' exported CMake files carry the include folder and site-packages of the machine that built them
(``/opt/python/cpXY-cpXY/...``); CMake stops at 'Imported target includes non-existent path' unless both are rewritten.
"""

import re
import sys
import sysconfig
from pathlib import Path

FOREIGN = re.compile(r"/opt/python/cp\d+-cp\d+/(include/python3\.\d+|lib/python3\.\d+/site-packages)")


def main() -> None:
    """Rewrite every CMake file below share/ of the running environment."""
    here = {"include": sysconfig.get_path("include"), "lib": sysconfig.get_path("purelib")}
    for path in Path(sys.prefix, "share").rglob("*.cmake"):
        text = path.read_text()
        local = FOREIGN.sub(lambda match: here[match[1].split("/")[0]], text)
        if local != text:
            path.write_text(local)


if __name__ == "__main__":
    main()
