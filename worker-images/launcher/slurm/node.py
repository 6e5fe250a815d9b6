"""The task on one node: looks whether the node is fit, starts its ranks when told to, and says how they ended."""

import os
import select
import sys
from _collections_abc import Callable

from launcher.gang import Gang
from launcher.job import Job
from launcher.launch import SIGNALS, own_session, run_ranks
from launcher.place import Place
from launcher.quick import SIGUSR1, SIGUSR2, Json, block, ignore, write_json
from launcher.slurm.batch_file import Batch
from launcher.slurm.claim import is_claimed_by
from launcher.slurm.fitness import devices, what_is_wrong
from launcher.slurm.meeting import Meeting
from launcher.slurm.trial import try_command
from launcher.slurm.wire import Lines, Message, pack, shorten


def main(directory: str) -> int:
    """Returns 0, however the ranks ended: an exit code would make srun end the other nodes before they have spoken."""
    # Until the ranks run, what to do comes by standard input only; a signal is kept for them.
    block(*SIGNALS)
    ignore(SIGUSR1, SIGUSR2)
    if not is_claimed_by(directory, os.environ["SLURM_JOB_ID"]):
        print(f"{directory} is not this job's", file=sys.stderr)
        return 0
    Node(directory).serve()
    return 0


class Node:
    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._number = int(os.environ["SLURM_PROCID"])
        self._batch = Batch(directory)
        self._job = Job(f"{directory}/job.json")
        self._meeting = Meeting(os.environ.get("SLURM_LAUNCH_NODE_IPADDR", "127.0.0.1"))
        self._lines = Lines(0)

    def serve(self) -> None:
        """Says hello, and then does what it is told, to the end."""
        trouble = what_is_wrong(self._directory, self._batch.gpus, len(devices()), self._batch.check)
        self._say("hello", trouble=trouble, address=self._meeting.address, port=self._meeting.port)
        while (messages := self._wait()) is not None:
            for message in messages:
                if message["do"] == "leave":
                    return
                if message["do"] == "start":
                    self._run(message)
                    return
                self._answer(message)

    def _wait(self) -> list[Message] | None:
        poll = select.poll()
        poll.register(0, select.POLLIN)
        while not poll.poll(self._batch.silence * 1000 / 6):
            self._say("beat")
        return self._lines.read()

    def _answer(self, message: Message) -> None:
        check = self._batch.check
        if message["do"] == "clock":
            import time

            self._say("clock", now=time.time())
        elif message["do"] == "meet" and check is not None:
            unreached, trouble = self._meeting.meet(message, self._number, check.patience)
            self._say("met", unreached=list(unreached), trouble=trouble)
        elif message["do"] == "try" and check is not None and check.command is not None:
            place = self._place(message)
            trouble = try_command(check.command, self._job, self._directory, place, check.patience)
            self._say("tried", trouble=trouble)

    def _run(self, message: Message) -> None:
        path = f"{self._directory}/exit.node{self._number}.json"

        def gather(job: Job) -> Gang:
            nothing = os.open("/dev/null", os.O_RDONLY)  # in place of a lock: see claim.py
            gang = Gang(job, self._directory, own_session(), nothing, self._place(message))
            gang.listen(0, self._hear(gang), lambda: self._say("beat"), self._batch.silence / 6)
            return gang

        end = run_ranks(self._directory, path, gather)
        write_json(path, end)
        self._say("end", cause=end["cause"], bad=end["firstBad"] is not None)

    def _hear(self, gang: Gang) -> Callable[[], bool]:
        """Passes on what the batch step says. Without it nobody would end the ranks, or hear how they did."""

        def hear() -> bool:
            messages = self._lines.read()
            if messages is None:
                gang.give_up()
                return False
            for message in messages:
                number = message.get("number")
                if message["do"] == "signal" and isinstance(number, int):
                    gang.on_signal(number)
                elif message["do"] == "giveUp":
                    gang.give_up()
            return True

        return hear

    def _place(self, message: Message) -> Place:
        port, address = message["port"], message["address"]
        assert isinstance(port, int)
        name = os.environ.get("SLURMD_NODENAME", "")
        place = Place(self._job, self._directory, port)
        return place.on_node(self._number, self._job.nodes, name, str(address), devices())

    def _say(self, word: str, **more: Json) -> None:
        fields = {name: shorten(value) if isinstance(value, str) else value for name, value in more.items()}
        try:
            os.write(1, pack({"node": self._number, "say": word, **fields}))
        except OSError:  # nobody listens any more, which the input tells too
            pass
