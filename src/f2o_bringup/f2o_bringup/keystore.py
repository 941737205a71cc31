"""A keystore for DDS security: certificates of the nodes, and what each of them may publish, subscribe and call.

Files and folders are those of ROS 2's ``ros2 security`` (sros2), so that rcl finds them and that command can add to
them; the documents are those of OMG's DDS Security 1.1 (9.4.1.2 governance, 9.4.1.3 permissions), signed as S/MIME.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from f2o_nodekit.names import full_name

from f2o_bringup.errors import GraphError
from f2o_bringup.interfaces import NODES, PEOPLE, Interfaces, interfaces_of
from f2o_bringup.security import DRIVERS

VALID_DAYS = 3650  # as sros2's
PRIVATE_MODE = 0o600
OF_EVERY_NODE = ("rt/rosout", "rt/parameter_events", "rt/diagnostics")
GRAPH = "ros_discovery_info"  # rmw's own: who has which topics
PARAMETER_SERVICES = (
    "describe_parameters",
    "get_parameter_types",
    "get_parameters",
    "list_parameters",
    "set_parameters",
    "set_parameters_atomically",
    "get_type_description",
)
XSI = "http://www.w3.org/2001/XMLSchema-instance"
SCHEMA = "http://www.omg.org/spec/DDS-SECURITY/20170901/omg_shared_ca_{}.xsd"
GOVERNANCE = {  # nobody without a certificate, nothing beyond his permissions, everything encrypted: as sros2's
    "allow_unauthenticated_participants": "false",
    "enable_join_access_control": "true",
    "discovery_protection_kind": "ENCRYPT",
    "liveliness_protection_kind": "ENCRYPT",
    "rtps_protection_kind": "SIGN",
}
TOPIC_RULE = {
    "topic_expression": "*",
    "enable_discovery_protection": "true",
    "enable_liveliness_protection": "true",
    "enable_read_access_control": "true",
    "enable_write_access_control": "true",
    "metadata_protection_kind": "ENCRYPT",
    "data_protection_kind": "ENCRYPT",
}


@dataclass(frozen=True)
class Permissions:
    """DDS topics (rt/f2o/mode, rq/f2o/armRequest) that a participant may publish and subscribe; * is any text.

    ``never`` may not be published whatever ``publish`` says.
    """

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    never: tuple[str, ...] = ()


def permissions_of(own: Interfaces) -> Permissions:
    """What a participant that says and hears ``own`` (full names) needs, and no more.

    DDS names of ROS: design.ros2.org, "Topic and Service name mapping to DDS" and "Actions".
    """
    served = [*own.serves, *(f"{node}/{service}" for node in own.nodes for service in PARAMETER_SERVICES)]
    called = [
        *own.calls,
        *(f"{a}/_action/{v}" for a in own.drives for v in ("send_goal", "cancel_goal", "get_result")),
    ]
    heard = [
        *own.subscribes,
        *(f"{a}/_action/{topic}" for a in own.drives for topic in ("feedback", "status")),
    ]
    said = [f"rt{t}" for t in own.publishes] + _requests(called) + _replies(served)
    return Permissions(
        tuple(sorted({*said, *OF_EVERY_NODE, GRAPH})),
        tuple(sorted({*(f"rt{t}" for t in heard), *_replies(called), *_requests(served), GRAPH})),
    )


def _requests(services: Iterable[str]) -> list[str]:
    return [f"rq{service}Request" for service in services]


def _replies(services: Iterable[str]) -> list[str]:
    return [f"rr{service}Reply" for service in services]


def all_permissions(folder: str = "", within: str = "") -> dict[str, Permissions]:
    """Of every node, of the commands that people type and of the drivers, by the enclave's name.

    Drivers may say whatever is not for our nodes to say, and call none of our services.

    Raises:
        ConfigError: a configuration file cannot be read.
    """
    every = {name: interfaces_of(name, folder, within) for name in (*NODES, *PEOPLE)}
    found = {name: permissions_of(own) for name, own in every.items()}
    sensors = set(every["sim_node"].publishes)  # the simulator says what drivers say
    ours = {f"rt{t}" for own in every.values() for t in own.publishes if t not in sensors}
    services = [s for name in ("bridge_node", "recorder_node") for s in every[name].serves]
    found[DRIVERS] = Permissions(
        ("*",), ("*",), tuple(sorted({*ours, *_requests(services), *_replies(services)}))
    )
    return found


def permissions_xml(subject: str, allowed: Permissions, domain: int, valid: tuple[str, str]) -> bytes:
    """The permissions document of one participant, whose certificate has the name ``subject``."""
    root = _document("permissions")
    grant = _add(_add(root, "permissions"), "grant", name=subject)
    _add(grant, "subject_name", f"CN={subject}")
    validity = _add(grant, "validity")
    for tag, when in zip(("not_before", "not_after"), valid, strict=True):
        _add(validity, tag, when)
    if allowed.never:
        _rule(grant, "deny_rule", domain, {"publish": allowed.never})
    _rule(grant, "allow_rule", domain, {"publish": allowed.publish, "subscribe": allowed.subscribe})
    _add(grant, "default", "DENY")
    return _text(root)


def _rule(grant: ElementTree.Element, kind: str, domain: int, topics: Mapping[str, Iterable[str]]) -> None:
    rule = _add(grant, kind)
    _add(_add(rule, "domains"), "id", str(domain))
    for verb, names in topics.items():
        listed = _add(_add(rule, verb), "topics")
        for name in names:
            _add(listed, "topic", name)


def governance_xml(domain: int) -> bytes:
    """The rules that hold for everybody in ``domain``."""
    root = _document("governance")
    rule = _add(_add(root, "domain_access_rules"), "domain_rule")
    _add(_add(rule, "domains"), "id", str(domain))
    for tag, value in GOVERNANCE.items():
        _add(rule, tag, value)
    topics = _add(_add(rule, "topic_access_rules"), "topic_rule")
    for tag, value in TOPIC_RULE.items():
        _add(topics, tag, value)
    return _text(root)


def _document(kind: str) -> ElementTree.Element:
    ElementTree.register_namespace("xsi", XSI)
    return ElementTree.Element("dds", {f"{{{XSI}}}noNamespaceSchemaLocation": SCHEMA.format(kind)})


def _add(
    parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _text(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def make_keystore(path: Path, domain: int, folder: str = "", within: str = "") -> list[str]:
    """Make a keystore with one enclave for each node, and say their names (/left/bridge_node).

    Args:
        path: the folder to make.
        domain: the DDS domain that it is for.
        folder: of the configuration, whose names of topics it has; "" for the installed one.
        within: the namespace of the arm, /left; "" for none.

    Raises:
        GraphError: there is something at ``path``, or it cannot be written.
        ConfigError: a configuration file cannot be read.
    """
    wanted = {full_name(name, within): each for name, each in all_permissions(folder, within).items()}
    try:
        path.mkdir(parents=True)
        _write(path, domain, wanted)
    except FileExistsError:
        raise GraphError(
            f"{path}: exists; expected a folder that does not, a keystore is made once and never overwritten"
        ) from None
    except OSError as error:
        raise GraphError(f"{path}: cannot be written ({error.strerror})") from None
    return sorted(wanted)


def _write(path: Path, domain: int, wanted: Mapping[str, Permissions]) -> None:
    from f2o_bringup.certificates import Authority

    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0, tzinfo=None)
    valid = now - datetime.timedelta(days=1), now + datetime.timedelta(days=VALID_DAYS)
    authority = Authority("sros2CA", *valid)
    enclaves = path / "enclaves"
    for folder in ("public", "private"):
        (path / folder).mkdir(mode=0o700 if folder == "private" else 0o755)
    (path / "public" / "ca.cert.pem").write_bytes(authority.certificate)
    _write_private(path / "private" / "ca.key.pem", authority.key)
    for role in ("identity_ca", "permissions_ca"):
        (path / "public" / f"{role}.cert.pem").symlink_to("ca.cert.pem")
        (path / "private" / f"{role}.key.pem").symlink_to("ca.key.pem")
    governance = governance_xml(domain)
    enclaves.mkdir()
    (enclaves / "governance.xml").write_bytes(governance)
    (enclaves / "governance.p7s").write_bytes(authority.sign(governance))
    texts = valid[0].isoformat(), valid[1].isoformat()
    for name, allowed in wanted.items():
        enclave = enclaves / name.removeprefix("/")
        enclave.mkdir(parents=True)
        certificate, key = authority.issue(name)
        permissions = permissions_xml(name, allowed, domain, texts)
        (enclave / "cert.pem").write_bytes(certificate)
        _write_private(enclave / "key.pem", key)
        (enclave / "permissions.xml").write_bytes(permissions)
        (enclave / "permissions.p7s").write_bytes(authority.sign(permissions))
        for role in ("identity_ca", "permissions_ca"):
            (enclave / f"{role}.cert.pem").write_bytes(authority.certificate)
        (enclave / "governance.p7s").write_bytes((enclaves / "governance.p7s").read_bytes())


def _write_private(path: Path, key: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE), "wb") as file:
        file.write(key)
