"""A report as one HTML file with its images; tool positions and figures for it."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from f2o_nodekit.robot import TCP, canonical_names
from f2o_perception.kinematics import ForwardKinematics
from jaxtyping import Float

STYLE = (
    "body{font-family:sans-serif;max-width:75em;margin:2em auto}img{max-width:100%}"
    "td,th{padding:0 1em 0 0;text-align:left}"
)


def page(
    title: str, images: Sequence[Path], rows: Sequence[Sequence[str]], about: dict[str, Any], note: str = ""
) -> str:
    """The page: images, a table (its first row is the header), and what it was made from."""
    embedded = "".join(
        f'<p><img alt="{p.name}" src="data:image/png;base64,{base64.b64encode(p.read_bytes()).decode()}"></p>'
        for p in images
    )
    cells = [["th" if k == 0 else "td", row] for k, row in enumerate(rows)]
    table = "".join(
        "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"
        for tag, row in cells
    )
    return (
        f"<!doctype html><meta charset=utf-8><title>f2o: {html.escape(title)}</title><style>{STYLE}</style>"
        f"<h1>{html.escape(title)}</h1>{embedded}<h2>Numbers</h2><table>{table}</table>"
        f"<h2>Made from</h2><pre>{html.escape(json.dumps(about, indent=1))}</pre><p>{html.escape(note)}</p>\n"
    )


def figure_of(size: tuple[float, float], grid: tuple[int, int]) -> tuple[Any, list[Any]]:
    """A figure of ``size`` [inch] and its axes, row by row; drawn without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(*grid, squeeze=False).flat)


class Tool:
    """Tool positions of a Franka arm; of an arm with other joints the first three of these instead.

    Attributes:
        known: whether positions are the tool's, in metres.
        axes: labels of the three numbers of a position.
    """

    def __init__(self, joint_names: Sequence[str]) -> None:
        self._count = len(joint_names)
        self.known = tuple(joint_names) == canonical_names(7)
        self._kinematics = ForwardKinematics() if self.known else None
        self.axes = (
            ("x [m]", "y [m]", "z [m]") if self.known else tuple(f"{n} [rad]" for n in joint_names[:3])
        )

    def positions(self, joints: Float[np.ndarray, "... d"]) -> Float[np.ndarray, "... 3"]:
        """Positions of joint vectors [rad], which may end with a gripper width."""
        if self._kinematics is None:
            return joints[..., :3]
        flat = joints[..., : self._count].reshape(-1, self._count)
        found = np.array([self._kinematics.pose(TCP, q)[:3, 3] for q in flat])
        return found.reshape(*joints.shape[:-1], 3)
