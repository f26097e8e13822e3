#!/usr/bin/env python3
"""The same periodic task sets in SimSo (PyPI `simso`, Cheramy, Hladik and Deplanche 2014) and in Sundial's simulator:
simulated jobs per second of host time, each alone on one host CPU.

    python3 -m venv /tmp/simso && /tmp/simso/bin/pip install simso
    ./x sim --help >/dev/null && /tmp/simso/bin/python bench/simso/compare.py

A task set is drawn from a seed: as many tasks as wanted with periods of 5 to 50 ms and utilisations that add up to 70 % of
the machine. SimSo schedules it by global EDF, without overheads; Sundial by its default fair policy, with its kernel's
steps, timers and interrupts. So the two do not do the same work per job: Sundial does more, and audits itself.
Prints one JSON object per task set."""

import contextlib
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

from simso.configuration import Configuration
from simso.core import Model

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "lab" / "sundial"
SIZES = [(1, 5), (2, 20), (8, 80), (32, 320)]  # CPUs, tasks
MILLISECONDS = 2_000


def task_set(cpus, tasks, seed):
    """(period, work) of each task in microseconds."""
    dice = random.Random(seed)
    shares = [dice.expovariate(1.0) for _ in range(tasks)]
    scale = 0.7 * cpus / sum(shares)
    drawn = []
    for share in shares:
        period = dice.randrange(5_000, 50_000)
        drawn.append((period, max(20, int(period * min(0.9, share * scale)))))
    return drawn


def simso(cpus, tasks, milliseconds):
    """Jobs that ended, and the seconds that took."""
    configuration = Configuration()
    configuration.cycles_per_ms = 1_000
    configuration.duration = milliseconds * configuration.cycles_per_ms
    for number, (period, work) in enumerate(tasks, 1):
        configuration.add_task(
            name=f"task {number}", identifier=number, period=period / 1_000, activation_date=0,
            wcet=work / 1_000, deadline=period / 1_000,
        )
    for number in range(1, cpus + 1):
        configuration.add_processor(name=f"CPU {number}", identifier=number)
    configuration.scheduler_info.clas = "simso.schedulers.EDF"
    configuration.check_all()
    model = Model(configuration)
    begin = time.perf_counter()
    # Its EDF prints every job that it starts; into nothing that costs next to nothing.
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        model.run_model()
    took = time.perf_counter() - begin
    ended = sum(job.end_date is not None for task in model.results.tasks.values() for job in task.jobs)
    return ended, took


def sundial(cpus, tasks, milliseconds):
    """The same from our simulator; a job is a wake-up and the work that follows it."""
    lines = [f'duration = "{milliseconds}ms"', "[machine]", f"cpus = {cpus}"]
    for number, (period, work) in enumerate(tasks, 1):
        lines += [
            "[[thread]]", f'name = "task {number}"', 'repeat = "forever"',
            f'program = ["run {work}us", "timer period-{number} {period}us absolute"]',
        ]
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write("\n".join(lines))
        file.flush()
        begin = time.perf_counter()
        result = subprocess.run([TOOL, "sim", file.name, "--json"], capture_output=True, text=True, check=False)
        took = time.perf_counter() - begin
    if result.returncode != 0:
        sys.exit(f"the simulator said: {result.stderr}")
    report = json.loads(result.stdout)
    return sum(thread["wakes"] + 1 for thread in report["threads"]), took


def main():
    if not TOOL.exists():
        sys.exit(f"{TOOL} is missing; type:  ./x sim --help")
    for cpus, count in SIZES:
        tasks = task_set(cpus, count, seed=cpus)
        theirs, their_time = simso(cpus, tasks, MILLISECONDS)
        # Long enough to be measured: starting the program is counted, too.
        factor = 50
        ours, our_time = sundial(cpus, tasks, MILLISECONDS * factor)
        rates = {"simso": theirs / their_time, "sundial": ours / our_time}
        print(json.dumps({
            "cpus": cpus, "tasks": count,
            "simso": {"jobs": theirs, "seconds": round(their_time, 3), "jobs_per_second": round(rates["simso"])},
            "sundial": {"jobs": ours, "seconds": round(our_time, 3), "jobs_per_second": round(rates["sundial"])},
            "ratio": round(rates["sundial"] / rates["simso"], 1),
        }))


if __name__ == "__main__":
    main()
