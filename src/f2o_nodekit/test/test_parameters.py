import pytest
from f2o_nodekit.parameters import parameter_names


@pytest.mark.parametrize(
    ("text", "node", "names"),
    [
        ("arm: {demo: {ros__parameters: {a: {b: 1}, c: 2}}}", "/arm/demo", {"a.b", "c"}),
        ("/arm/demo: {ros__parameters: {c: 2}}", "/arm/demo", {"c"}),
        ("/arm/demo: {ros__parameters: {c: 2}}", "/demo", set()),
        ("/*/demo: {ros__parameters: {c: 2}}", "/arm/demo", {"c"}),
        ("/*/demo: {ros__parameters: {c: 2}}", "/left/arm/demo", set()),
        ("/**/demo: {ros__parameters: {c: 2}}", "/left/arm/demo", {"c"}),
        ("/arm/**: {ros__parameters: {c: 2}}", "/arm/demo", set()),
        ("/**: {ros__parameters: {c: 2}}", "/demo", set()),
    ],
)
def test_which_sections_of_a_parameter_file_name_a_node(tmp_path, text, node, names):
    (tmp_path / "file.yaml").write_text(text)
    assert parameter_names(node, ["--ros-args", "--params-file", str(tmp_path / "file.yaml")]) == names


def test_a_parameter_of_the_command_line_may_name_its_node():
    words = ["--ros-args", "-p", "a:=1", "--param", "demo:b.c:=2", "-r", "__node:=demo"]
    assert parameter_names("/demo", words) == {"a", "b.c"}
