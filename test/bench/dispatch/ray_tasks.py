"""Runs tasks with Ray: `ray_tasks.py AT_ONCE FOLDER`, a list of them a line, and how.

As a `process`, each task is started as everywhere else; as a `function`, the worker's file is executed in the process
that Ray keeps for its tasks, which is what one would write for Ray, and starts no Python.
"""

import json
import os
import subprocess
import sys
import time

import ray

at_once, folder = sys.argv[1:]
out, sys.stdout = sys.stdout, sys.stderr


def answer(value: object) -> None:
    print(json.dumps(value), file=out, flush=True)


@ray.remote
def process(task: dict) -> None:
    subprocess.run(task["command"], cwd=task["cwd"], env=task["env"], check=True)


@ray.remote
def function(task: dict) -> None:
    import runpy

    os.environ.update(task["env"])
    runpy.run_path(f"{task['cwd']}/{task['command'][1]}", run_name="__main__")


ray.init(
    num_cpus=int(at_once),
    include_dashboard=False,
    log_to_driver=False,
    logging_level="error",
    _node_ip_address="127.0.0.1",
    _temp_dir=folder,
)
ways = {"process": process, "function": function}
answer({})
for line in sys.stdin:
    asked = json.loads(line)
    run, tasks = ways[asked["how"]], asked["tasks"]
    begun = time.time() * 1000
    ray.get([run.remote(task) for task in tasks])
    answer({"from": begun, "over": time.time() * 1000})
ray.shutdown()
