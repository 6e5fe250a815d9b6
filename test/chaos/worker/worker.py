"""The worker of the chaos suite: cheap to start, exact, and a witness of all that it does.

Its state after a step is a hash of all ranks' states before it, so that a step that is lost, done twice or resumed from
the wrong place shows in the last one. What it does is written to a book that nobody else writes to or reads from.
"""

import faulthandler
import hashlib
import json
import os
import signal
import socket
import sys
import time

import obstore
from obstore.store import LocalStore, S3Store

here, rank = os.environ["ORCHESTRATE_ATTEMPT_DIR"], int(os.environ["RANK"])
with open(f"{here}/job.json") as file:
    job = json.load(file)
config, world, shard, fence = job["config"], job["ranks"], job["shard"], job["fence"]
events = open(f"{here}/events.{rank}.jsonl", "a", buffering=1)
book = os.open(config["book"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
asked = {"stop": False, "save": False}
training = False
PADDING = 64  # a checkpoint has some size, so that it takes a moment to write


def note(kind: str, number: int = 0, text: str = "-") -> None:
    os.write(
        book,
        f"{time.time() * 1000:.1f} {job['job']} {shard} {rank} {fence} {os.getpid()} {kind} {number} {text}\n".encode(),
    )


def tell(kind: str, **fields: object) -> None:
    print(json.dumps({"t": time.time() * 1000, "type": kind, **fields}), file=events)


def ask(what: str) -> None:
    asked[what] = True
    if what == "stop" and not training:
        sys.exit(75)  # nothing is to be saved yet, and the other ranks may wait for this one, or the other way round


signal.signal(signal.SIGTERM, lambda *_: ask("stop"))
signal.signal(signal.SIGUSR1, lambda *_: ask("save"))
faulthandler.register(signal.SIGUSR2, all_threads=True)
note("start", config["steps"])

if job["store"]["url"].startswith("file:"):
    store = LocalStore.from_url(job["store"]["url"], mkdir=True)
else:
    store = S3Store.from_url(
        job["store"]["url"],
        config={
            "endpoint": job["store"]["endpoint"],
            "region": job["store"].get("region", "us-east-1"),
            "virtual_hosted_style_request": False,
            "conditional_put": "etag",
        },
        client_options={"allow_http": True},
    )


def digest(*parts: str | bytes) -> str:
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(part.encode() if isinstance(part, str) else part)
        hashed.update(b"\0")
    return hashed.hexdigest()


class Gang:
    """What ranks tell each other: rank 0 hears all, and tells all of them what it heard."""

    def __init__(self) -> None:
        self.peers = []
        if world == 1:
            return
        address = ("127.0.0.1", int(os.environ["MASTER_PORT"]))
        if rank == 0:
            with socket.create_server(address) as server:
                links = [server.accept()[0].makefile("rw") for _ in range(world - 1)]
            self.peers = [link for _, link in sorted((int(link.readline()), link) for link in links)]
        else:
            while not self.peers:
                try:
                    self.peers = [socket.create_connection(address).makefile("rw")]
                except ConnectionRefusedError:
                    time.sleep(0.005)
            self._say(self.peers[0], rank)

    def gather(self, value: object) -> list:
        if world == 1:
            return [value]
        if rank == 0:
            values = [value, *(json.loads(peer.readline() or exit_lonely()) for peer in self.peers)]
            for peer in self.peers:
                self._say(peer, values)
            return values
        self._say(self.peers[0], value)
        return json.loads(self.peers[0].readline() or exit_lonely())

    def _say(self, peer, value: object) -> None:
        peer.write(json.dumps(value) + "\n")
        peer.flush()


def exit_lonely() -> str:
    sys.exit("another rank has gone")


def fail(code: str, error: Exception) -> None:
    tell("failed", code=code, message=" ".join(str(error).split())[:500])
    sys.exit(74)


def guarded(work):
    """The store's trouble isn't this worker's: it says so, and is placed again once the store is back."""

    def wrapped(*arguments):
        try:
            return work(*arguments)
        except OSError as error:
            fail("DISK_FULL" if error.errno == 28 else "STORE_UNREACHABLE", error)
        except obstore.exceptions.BaseError as error:
            fail("STORE_FULL" if "os error 28" in str(error) else "STORE_UNREACHABLE", error)

    return wrapped


@guarded
def find_checkpoint() -> str | None:
    """The first checkpoint that is whole; each that isn't is written down."""
    for key in job["resume"]:
        folder = key.rpartition("/")[0]
        try:
            manifest = json.loads(bytes(obstore.get(store, key).bytes()))
            found = [bytes(obstore.get(store, f"{folder}/{f['path']}").bytes()) for f in manifest["files"]]
            whole = [hashlib.sha256(body).hexdigest() for body in found] == [f["sha256"] for f in manifest["files"]]
        except (FileNotFoundError, ValueError, KeyError):
            whole = False
        if whole:
            return key
        note("broken", 0, key)
        tell("warning", message=f"checkpoint {key} is not whole; trying the one before it")
    return None


@guarded
def load(key: str) -> dict:
    return json.loads(bytes(obstore.get(store, f"{key.rpartition('/')[0]}/rank{rank}.json").bytes()))


@guarded
def save_part(step: int, state: str, mine: str) -> dict:
    body = json.dumps({"step": step, "state": state, "mine": mine, "padding": [mine] * PADDING}).encode()
    name = f"rank{rank}.json"
    obstore.put(store, f"{job['prefix']}/checkpoints/{step}/{name}", body)
    return {"path": name, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}


@guarded
def commit(step: int, files: list[dict], parent: str | None, began: float) -> None:
    key = f"{job['prefix']}/checkpoints/{step}/manifest.json"
    manifest = {
        "protocol": 1,
        "job": job["job"],
        "shard": shard,
        "fence": fence,
        "step": step,
        "parent": parent,
        "world": world,
        "files": files,
        "cursor": step,
        "versions": {"chaos": "1"},
        "createdAt": round(time.time() * 1000),
    }
    body = json.dumps(manifest).encode()
    try:
        obstore.put(store, key, body, mode="create")
    except obstore.exceptions.AlreadyExistsError:
        if bytes(obstore.get(store, key).bytes()) != body:  # a retried request may meet its own first write
            raise
    stall = time.time() * 1000 - began
    tell("checkpoint", step=step, manifest=key, bytes=sum(f["size"] for f in files), stall_ms=stall)
    note("save", step)


def first_state() -> str:
    """Of the seed, the shard, and whatever comes before it."""
    before = job["inputs"].get("before")
    texts = []
    if before:
        for name in sorted(os.listdir(before["path"])):
            with open(f"{before['path']}/{name}") as part:
                texts.append(part.read())
    return digest(config["seed"], str(shard), *texts)


gang = Gang()
host, versions = os.uname().nodename, {"python": sys.version.split()[0]}
tell("hello", versions=versions, device="cpu", rank=rank, world=world, host=host, pid=os.getpid())
[parent, *_] = gang.gather(find_checkpoint() if rank == 0 else None)
resumed = load(parent) if parent else {"step": 0, "state": first_state(), "mine": digest(config["seed"], str(rank))}
step, state, mine, saved = resumed["step"], resumed["state"], resumed["mine"], resumed["step"]
note("from", step, state)
training = True
while step < config["steps"]:
    time.sleep(config["step_ms"] / 1000)
    step += 1
    mine = digest(mine, state, str(rank), str(step))
    told = gang.gather({"mine": mine, **asked})
    state = digest(*(one["mine"] for one in told))
    stop, save = any(one["stop"] for one in told), any(one["save"] for one in told)
    note("step", step)
    tell("progress", step=step, of=config["steps"], unit="steps")
    if save:
        asked["save"] = False
    if (save or stop or step % (job["checkpoint"]["every"] or config["steps"]) == 0) and step > saved:
        began = time.time() * 1000
        files = gang.gather(save_part(step, state, mine))
        if rank == 0:
            commit(step, files, parent, began)
        gang.gather("committed")
        saved = step
    if stop:
        sys.exit(75)
if rank == 0:
    os.makedirs(f"{here}/outputs/state", exist_ok=True)
    with open(f"{here}/outputs/state/{shard}.txt", "w") as file:
        file.write(f"{state}\n")
    tell("artifact", name="state", summary=state[:10])
tell("done", metrics={"steps": config["steps"]}, summary=state[:10])
note("end", step, state)
