"""Which of an attempt's ranks run on this host, and where they meet the others."""

from launcher.job import Job


class Place:
    """All of them on this host, unless told otherwise: ranks `first` to `first + count - 1` of `world`.

    Attributes:
        address, port: where rank 0 listens.
        gpus: CUDA device ids of this host, one per rank, or none.
        marks: entries in the environment of the ranks, by which what they leave behind is told from everything else.
    """

    def __init__(self, job: Job, directory: str, port: int) -> None:
        self.first = 0
        self.count = self.world = job.ranks
        self.address = "127.0.0.1"
        self.port = port
        self.gpus = job.gpus
        self.marks = [f"ORCHESTRATE_ATTEMPT_DIR={directory}"]

    def on_node(self, number: int, nodes: int, name: str, address: str, gpus: list[str]) -> "Place":
        """One of several nodes, with as many ranks on each; `name` tells apart those that are one machine."""
        self.count = self.world // nodes
        self.first = number * self.count
        self.address = address
        self.gpus = gpus
        self.marks.append(f"SLURMD_NODENAME={name}")
        return self
