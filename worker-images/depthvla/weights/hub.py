"""Checkpoints from the Hugging Face hub, by name and pinned revision."""

from __future__ import annotations

import re
from pathlib import Path

from depthvla.runtime.failure import CONFIG, WorkerError
from depthvla.runtime.job import Job

FILES = ("*.json", "*.safetensors", "*.model")
"""Configs, weights and tokenizers; no pickles."""


def download(address: str, token: str | None) -> Path:
    """The folder of `owner/name@revision` in the hub's cache (HF_HOME), downloaded if it isn't there yet.

    Args:
        address: the revision is a commit's 40 hexadecimal digits: what a branch or a tag means can change.
        token: for models whose licence must be accepted first, such as PaliGemma.

    Raises:
        WorkerError: WEIGHTS_ADDRESS, WEIGHTS_DENIED, WEIGHTS_UNREACHABLE.
    """
    found = re.fullmatch(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})", address)
    if found is None:
        raise WorkerError(
            "WEIGHTS_ADDRESS", f"{address!r} is not owner/name@commit, with the 40 hexadecimal digits of a commit",
            hint="take the commit from the model's page, under Files and versions, History", exit_code=CONFIG,
        )  # fmt: skip
    name, revision = found.groups()
    # Only now: it takes a while to import, and a local folder doesn't need it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(FILES), token=token or False))
    except (GatedRepoError, RepositoryNotFoundError) as error:
        # The hub doesn't tell who may not see a model that there is one.
        raise WorkerError(
            "WEIGHTS_DENIED", f"the hub shows no model {name} to {'this token' if token else 'whom it does not know'}",
            hint="accept its licence on its page, and name a token: `secrets: [HF_TOKEN]`", exit_code=CONFIG,
        ) from error  # fmt: skip
    except RevisionNotFoundError as error:
        raise WorkerError("WEIGHTS_ADDRESS", f"{name} has no commit {revision}", exit_code=CONFIG) from error
    except (HfHubHTTPError, OSError) as error:
        raise WorkerError(
            "WEIGHTS_UNREACHABLE", f"{address} is not in the hub's cache and could not be downloaded: {_short(error)}",
            hint="without a network, download it elsewhere and bind its folder as an input", exit_code=1,
        ) from error  # fmt: skip


def checkpoint_folder(job: Job, port: str, address: str) -> Path | None:
    """The folder of the checkpoint that a stage starts from: what is bound to the port, or what the hub has under the
    address; None without either.

    Raises:
        WorkerError: CONFIG_INVALID when there are both; WEIGHTS_* of the hub.
    """
    if not address:
        return job.input(port) if job.has(port) else None
    if job.has(port):
        raise WorkerError(
            "CONFIG_INVALID", f"{port}: both an input and {address!r} of the hub are given; which one?",
            hint=f"take away one of them (`{port}: null` cuts off an input)", exit_code=CONFIG,
        )  # fmt: skip
    return download(address, job.secret("HF_TOKEN"))


def _short(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__
