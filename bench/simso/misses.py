#!/usr/bin/env python3
"""The same reservations in SimSo (PyPI `simso`, Cheramy, Hladik and Deplanche 2014) and in Sundial's simulator, on one CPU: which
jobs miss their deadlines, and how long the longest job of each task took.

    python3 -m venv /tmp/simso && /tmp/simso/bin/pip install simso
    ./x sim --help >/dev/null && /tmp/simso/bin/python bench/simso/misses.py

Three questions are asked of random sets of periodic tasks:

fits       jobs that keep to their budgets, deadlines up to the period, 60 to 94 % of the CPU; SimSo's EDF for one CPU. Sundial admits or
           refuses. What it admits misses nothing in both and takes as long; what it refuses because of a deadline misses one in SimSo.
overruns   jobs that need one to two and a half budgets and come so seldom that the last of them is back; SimSo's SCHED_DEADLINE, which is a
           constant-bandwidth server with throttling. The same jobs are late, and each takes as long.
backlog    the same, but jobs come before what the last one used is back. Here they differ on purpose: SimSo's server begins anew whenever it
           was empty and forgets what it gave, Sundial's budget comes back a period after it was there, in no window earlier.

Prints one JSON object per question; exit code 1 if they differ where they should not."""

import contextlib
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

from simso.configuration import Configuration
from simso.core import Model

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "lab" / "sundial"
SETS = int(os.environ.get("SETS", "60"))
# Our steps of programs take a nanosecond each, SimSo's jobs none.
CLOSE_US = 2.0


def shares(dice, count, total):
    """So many shares that add up to the total."""
    drawn = [dice.expovariate(1.0) + 0.2 for _ in range(count)]
    return [total * share / sum(drawn) for share in drawn]


def fitting(dice):
    """Jobs as long as their budgets, in microseconds."""
    tasks = []
    for share in shares(dice, dice.randrange(2, 7), dice.uniform(0.6, 0.94)):
        period = dice.randrange(4_000, 40_000)
        budget = max(120, int(period * share))
        deadline = dice.choice([period, dice.randrange(budget + 100, period + 101)])
        tasks.append({"budget": budget, "period": period, "deadline": min(deadline, period), "work": budget - 10, "every": period})
    return tasks


def overrunning(dice, apart):
    """Jobs of up to two and a half budgets that come so many server periods apart, rounded up."""
    tasks = []
    for share in shares(dice, dice.randrange(2, 6), dice.uniform(0.6, 0.94)):
        period = dice.randrange(4_000, 20_000)
        budget = max(500, int(period * share))
        work = int(budget * dice.uniform(0.5, 2.5))
        every = int(apart(-(-work // budget)) * period) + dice.randrange(0, 700)
        tasks.append({"budget": budget, "period": period, "deadline": period, "work": work, "every": every})
    return tasks


def simso(tasks, micros, begin, scheduler):
    """(done, missed, longest in us) of each task."""
    configuration = Configuration()
    configuration.cycles_per_ms = 1_000_000
    configuration.duration = micros * 1_000
    for number, task in enumerate(tasks, 1):
        data = {"cbs_period": task["period"] / 1e3, "cbs_deadline": task["deadline"] / 1e3, "cbs_maximum_runtime": task["budget"] / 1e3}
        configuration.add_task(
            name=f"task {number}", identifier=number, period=task["every"] / 1e3, activation_date=begin / 1e3,
            wcet=task["work"] / 1e3, deadline=task["deadline"] / 1e3, abort_on_miss=False, data=data,
        )
    configuration.add_processor(name="CPU 1", identifier=1)
    configuration.scheduler_info.clas = scheduler
    configuration.check_all()
    model = Model(configuration)
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        model.run_model()
    results = []
    for task in sorted(model.results.tasks.values(), key=lambda one: one.task.identifier):
        took = [(job.end_date - job.activation_date) / 1e3 for job in task.jobs if job.end_date is not None]
        due = tasks[task.task.identifier - 1]["deadline"]
        results.append((len(took), sum(one > due + CLOSE_US for one in took), max(took, default=0.0)))
    return results


def sundial(tasks, micros, begin):
    """The same from our simulator, and why tasks were refused."""
    lines = [f'duration = "{micros}us"', "[machine]", 'entry = "1ns"']
    for number, task in enumerate(tasks, 1):
        lines += [
            "[[thread]]", f'name = "task {number}"', 'repeat = "forever"',
            f'start = "{begin - task["every"]}us"',
            f'reserve = {{ budget = "{task["budget"]}us", period = "{task["period"]}us", deadline = "{task["deadline"]}us" }}',
            f'program = ["timer beat-{number} {task["every"]}us absolute", "run {task["work"]}us"]',
        ]
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write("\n".join(lines))
        file.flush()
        result = subprocess.run([TOOL, "sim", file.name, "--json"], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"the simulator said: {result.stderr}")
    report = json.loads(result.stdout)
    results = []
    for thread in report["threads"]:
        results.append((thread["jobs"], thread["missed"], thread["longest_job_ns"] / 1e3))
    return results, report["refused"]


def same(theirs, ours):
    """Whether the tasks did the same; the last job may be at its end in one of the two only."""
    return all(
        abs(their[0] - our[0]) <= 1 and abs(their[1] - our[1]) <= (their[1] > 0) and abs(their[2] - our[2]) <= CLOSE_US * max(1, our[0])
        for their, our in zip(theirs, ours)
    )


def main():
    if not TOOL.exists():
        sys.exit(f"{TOOL} is missing; type:  ./x sim --help")
    wrong = []
    asked = []
    seen = {"sets": 0, "admitted": 0, "late jobs of admitted": 0, "refused": 0, "refused that miss in SimSo": 0}
    for seed in range(SETS):
        tasks = fitting(random.Random(seed))
        begin = 40_000
        ours, refused = sundial(tasks, 1_000_000, begin)
        theirs = simso(tasks, 1_000_000, begin, "simso.schedulers.EDF_mono")
        seen["sets"] += 1
        if refused:
            seen["refused"] += 1
            missed = any(missed for _, missed, _ in theirs)
            seen["refused that miss in SimSo"] += missed
            if not missed:
                wrong.append(("fits", seed, tasks, theirs, ours, refused))
        else:
            seen["admitted"] += 1
            seen["late jobs of admitted"] += sum(missed for _, missed, _ in ours + theirs)
            if not same(theirs, ours) or any(missed for _, missed, _ in ours):
                wrong.append(("fits", seed, tasks, theirs, ours, refused))
    asked.append(("fits", seen))
    for question, apart in [("overruns", lambda whole: whole), ("backlog", lambda whole: 0.6 * whole)]:
        seen = {"sets": 0, "jobs": 0, "late in SimSo": 0, "late in Sundial": 0, "sets that are the same": 0}
        for seed in range(SETS):
            tasks = overrunning(random.Random(seed), apart)
            begin = 100_000
            ours, refused = sundial(tasks, 1_000_000, begin)
            if refused:
                continue
            theirs = simso(tasks, 1_000_000, begin, "simso.schedulers.SCHED_DEADLINE")
            seen["sets"] += 1
            seen["jobs"] += sum(done for done, _, _ in ours)
            seen["late in SimSo"] += sum(missed for _, missed, _ in theirs)
            seen["late in Sundial"] += sum(missed for _, missed, _ in ours)
            alike = same(theirs, ours)
            seen["sets that are the same"] += alike
            if question == "overruns" and not alike:
                wrong.append((question, seed, tasks, theirs, ours, refused))
        asked.append((question, seen))
    for question, seen in asked:
        print(json.dumps({"question": question, **seen}))
    for one in wrong:
        print(json.dumps(one), file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
