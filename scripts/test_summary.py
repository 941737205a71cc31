"""Add up the JUnit files that pytest left in build folders, in one closing line."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def main() -> int:
    """Print failures and 'N passed, N failed, N skipped'; 1 when something failed, or a folder has no results."""
    passed = failed = skipped = 0
    for folder in map(Path, sys.argv[1:]):
        path = folder / "pytest.xml"
        if not path.is_file():
            print(f"FAILED {folder.name}: no test ran")
            failed += 1
            continue
        for case in ET.parse(path).getroot().iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                print(f"FAILED {folder.name}: {case.get('classname')}.{case.get('name')}")
                failed += 1
            elif (skip := case.find("skipped")) is not None:
                print(f"skipped {folder.name}: {case.get('name')}: {skip.get('message')}")
                skipped += 1
            else:
                passed += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
