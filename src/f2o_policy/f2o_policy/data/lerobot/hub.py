"""LeRobotDatasets to and from the Hugging Face Hub, with huggingface-hub (an extra).

A folder goes up as a data set repository with the tag that lerobot looks for, the version of the format; it comes down
whole into the Hub's cache. HF_ENDPOINT, HF_TOKEN and HF_HOME are huggingface-hub's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from f2o_policy.data.lerobot.format import VERSION
from f2o_policy.errors import HubError

SCHEME = "hf://datasets/"
"""Of huggingface-hub's own paths: hf://datasets/USER/NAME, with @REVISION after it where not the newest is meant."""


def push(folder: Path, repository: str, private: bool) -> str:
    """Upload the LeRobotDataset in ``folder`` as ``repository`` (USER/NAME); returns its address.

    A repository that exists gets a new commit, files that are there already are not sent again, and the tag is moved.

    Raises:
        HubError: huggingface-hub is not installed, or the Hub refused, or cannot be reached.
    """
    with _sentences(repository) as api:
        address = api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
        done = api.upload_folder(
            repo_id=repository, folder_path=folder, repo_type="dataset", commit_message=f"LeRobotDataset {VERSION}"
        )  # fmt: skip
        tags = api.list_repo_refs(repository, repo_type="dataset").tags
        if any(tag.name == VERSION for tag in tags):
            api.delete_tag(repository, tag=VERSION, repo_type="dataset")
        api.create_tag(repository, tag=VERSION, repo_type="dataset", revision=done.oid)
        return str(address)


def pull(address: str) -> Path:
    """Download the data set at ``address`` (hf://datasets/USER/NAME[@REVISION]); returns its folder.

    Raises:
        HubError: as ``push``; or there is no such data set or revision.
    """
    repository, _, revision = address.removeprefix(SCHEME).partition("@")
    with _sentences(repository) as api:
        return Path(api.snapshot_download(repository, repo_type="dataset", revision=revision or None))


@contextmanager
def _sentences(repository: str) -> Iterator[Any]:
    """huggingface-hub's client; its errors become ours."""
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise HubError(repository, "needs huggingface-hub: pip install huggingface-hub") from error
    try:
        yield HfApi(library_name="f2o")
    except (
        Exception
    ) as error:  # also those of the HTTP library below, which differs from one version to the next
        raise HubError(repository, _sentence(error)) from error


def _sentence(error: Exception) -> str:
    """What happened and where: the first two lines; a request's number and advice for its library come after them."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(error).__name__
