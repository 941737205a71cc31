"""Add up the JUnit files that colcon's pytest runs left, in one closing line."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def main() -> int:
    """Print failures and 'N passed, N failed, N skipped'; 1 when something failed or nothing ran."""
    total = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for path in sorted(Path(sys.argv[1]).glob("*/pytest.xml")):
        for suite in ET.parse(path).getroot().iter("testsuite"):
            for key in total:
                total[key] += int(suite.get(key, 0))
            for case in suite.iter("testcase"):
                if case.find("failure") is not None or case.find("error") is not None:
                    print(f"FAILED {path.parent.name}: {case.get('classname')}.{case.get('name')}")
                elif (skip := case.find("skipped")) is not None:
                    print(f"skipped {path.parent.name}: {case.get('name')}: {skip.get('message')}")
    failed = total["failures"] + total["errors"]
    passed = total["tests"] - failed - total["skipped"]
    print(f"{passed} passed, {failed} failed, {total['skipped']} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
