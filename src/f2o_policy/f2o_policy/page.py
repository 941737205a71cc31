"""A report as one HTML file, pictures inside; and where the tool is, which most of the pictures show."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from f2o_perception.errors import PerceptionError
from f2o_perception.kinematics import ForwardKinematics
from jaxtyping import Float

TCP = "panda_hand_tcp"
STYLE = (
    "body{font-family:sans-serif;max-width:75em;margin:2em auto}img{max-width:100%}"
    "td,th{padding:0 1em 0 0;text-align:left}"
)


def page(
    title: str, pictures: Sequence[Path], rows: Sequence[Sequence[str]], about: dict[str, Any], note: str = ""
) -> str:
    """The page: pictures, a table (its first row the heads), what it was made from."""
    images = "".join(
        f'<p><img alt="{p.name}" src="data:image/png;base64,{base64.b64encode(p.read_bytes()).decode()}"></p>'
        for p in pictures
    )
    cells = [["th" if k == 0 else "td", row] for k, row in enumerate(rows)]
    table = "".join(
        "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"
        for tag, row in cells
    )
    return (
        f"<!doctype html><meta charset=utf-8><title>f2o: {html.escape(title)}</title><style>{STYLE}</style>"
        f"<h1>{html.escape(title)}</h1>{images}<h2>Numbers</h2><table>{table}</table>"
        f"<h2>Made from</h2><pre>{html.escape(json.dumps(about, indent=1))}</pre><p>{html.escape(note)}</p>\n"
    )


def tool_positions(
    joints: Float[np.ndarray, "... d"], joint_names: Sequence[str]
) -> Float[np.ndarray, "... 3"]:
    """Tool positions [m] of joint vectors [rad] that may go on with a gripper width.

    Of a robot that is not the known one, its first three joints [rad].
    """
    try:
        kinematics = ForwardKinematics(joint_names=joint_names)
    except PerceptionError:
        return joints[..., :3]
    flat = joints[..., : len(joint_names)].reshape(-1, len(joint_names))
    positions = np.array([kinematics.pose(TCP, q)[:3, 3] for q in flat])
    return positions.reshape(*joints.shape[:-1], 3)
