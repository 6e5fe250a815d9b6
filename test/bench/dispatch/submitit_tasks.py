"""Runs tasks with submitit on Slurm: `submitit_tasks.py FOLDER PARAMETERS`, a list of them a line.

Several are one array, as `map_array` makes it. The worker's file is executed in the Python that submitit starts for a
job anyway, so that it starts no second one. A job counts as over as soon as its result is there: submitit itself would
look once a second.
"""

import json
import os
import sys
import time

import submitit

folder, parameters = sys.argv[1:]


def run(task: dict) -> None:
    import runpy

    os.environ.update(task["env"])
    runpy.run_path(f"{task['cwd']}/{task['command'][1]}", run_name="__main__")


executor = submitit.SlurmExecutor(folder)
executor.update_parameters(**json.loads(parameters))
print("{}", flush=True)
for line in sys.stdin:
    tasks = json.loads(line)["tasks"]
    begun = time.time() * 1000
    jobs = executor.map_array(run, tasks) if len(tasks) > 1 else [executor.submit(run, tasks[0])]
    for job in jobs:
        while not job.paths.result_pickle.exists():
            time.sleep(0.01)
    over = time.time() * 1000
    for job in jobs:
        job.result()
    print(json.dumps({"from": begun, "over": over}), flush=True)
