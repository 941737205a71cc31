"""The real-time PC has no ROS and no torch: what the receiver imports is what its setup.py asks for."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

SETUP = Path(__file__).resolve().parents[1] / "setup.py"
INSTALLED_AS = {"pyyaml": "yaml"}
BROUGHT = {"annotated_types", "pydantic_core", "typing_extensions", "typing_inspection", "wadler_lindig"}
CODE = """
import json, sys
sys.modules["ament_index_python"] = None  # used where there is ROS
before = set(sys.modules)  # what .pth files of this environment load
import f2o_rt.main
new = [name.split(".")[0] for name, module in sys.modules.items() if name not in before and (
    "site-packages" in str(getattr(module, "__file__", "")) or name.startswith("f2o_"))]
print(json.dumps(sorted(set(new))))
"""


def test_the_receiver_imports_nothing_that_its_set_up_does_not_install():
    asked = next(
        ast.literal_eval(keyword.value)
        for node in ast.walk(ast.parse(SETUP.read_text()))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "install_requires"
    )
    names = {re.split("[<>=]", requirement)[0] for requirement in asked}
    wanted = {INSTALLED_AS.get(name, name) for name in names} | {"f2o_rt"} | BROUGHT
    out = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout
    loaded = set(json.loads(out)) - {"_yaml"}
    assert {"numpy", "pydantic", "f2o_control"} <= loaded
    assert loaded - wanted == set()
