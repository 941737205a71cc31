"""The errors of f2o_policy; the text says what, where and which values are legal."""

from __future__ import annotations

from pathlib import Path

from f2o_nodekit.errors import F2oError


class PolicyError(F2oError):
    """Base of the errors of f2o_policy."""


class DatasetError(PolicyError):
    """A data set that is missing, incomplete or does not match its manifest."""

    def __init__(self, path: str | Path, problem: str) -> None:
        self.problem = problem
        super().__init__(f"data set {path}: {problem}")


class HubError(PolicyError):
    """A data set that cannot be brought to the Hugging Face Hub, or from there."""

    def __init__(self, repository: str, problem: str) -> None:
        super().__init__(f"Hugging Face data set {repository}: {problem}")


class EpisodeError(PolicyError):
    """A recorded episode that cannot become training data."""

    def __init__(self, path: str | Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")


class CheckpointError(PolicyError):
    """A file that is not a checkpoint this version can use."""

    def __init__(self, path: str | Path, problem: str) -> None:
        super().__init__(f"checkpoint {path}: {problem}")


class MismatchError(PolicyError):
    """An arm, or observations, that are not as in training."""


class SetsError(PolicyError):
    """Teacher sets that are missing, incomplete, or made from something else."""

    def __init__(self, path: str | Path, problem: str) -> None:
        super().__init__(f"teacher sets {path}: {problem}")


class RunError(PolicyError):
    """A run folder that cannot be used as asked."""

    def __init__(self, path: str | Path, problem: str) -> None:
        super().__init__(f"run {path}: {problem}")


class FullDiskError(PolicyError):
    """A file that could not be written; what was there before is untouched."""

    def __init__(self, path: str | Path, cause: Exception) -> None:
        reason = getattr(cause, "strerror", None) or str(cause).splitlines()[0]
        super().__init__(
            f"{path} cannot be written ({reason}); earlier files are intact, free some space and repeat the command "
            "to continue"
        )


class EngineError(PolicyError):
    """A backend that is missing, unknown, or does not compute what the checkpoint says."""


class ExportError(EngineError):
    """An export that is missing, damaged or of another version."""


class UnknownNameError(PolicyError):
    """A name that is not in a list of known ones."""

    def __init__(self, kind: str, name: str, legal: list[str]) -> None:
        super().__init__(f"unknown {kind} {name!r}, expected one of: {', '.join(sorted(legal)) or '(none)'}")


class ShapeError(PolicyError):
    """Numbers that do not have the shape a model or data set expects."""

    def __init__(self, name: str, expected: object, got: object) -> None:
        super().__init__(f"{name}: expected shape {expected}, got {got}")
