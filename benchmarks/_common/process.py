"""Measure the memory of this process, and run functions in a new process."""

import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread

import torch


def megabytes(name):
    """Return a memory figure of this process in MB (2**20 bytes), such as VmRSS."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 1024


def most_resident():
    """Return the peak memory of this process in MB; getrusage would include its parent."""
    return megabytes("VmHWM")


def greatest_during(function, measure, *, interval):
    """Return the result of a call, and the greatest value measured before and during it.

    Parameters
    ----------
    function, measure : callable
        Functions without arguments.

    interval : float
        Seconds between two measurements, > 0.
    """
    done, values = Event(), [measure()]

    def watch():
        while not done.wait(interval):
            values.append(measure())

    watcher = Thread(target=watch)
    watcher.start()
    try:
        return function(), max(values)
    finally:
        done.set()
        watcher.join()


def in_new_process(function, *arguments):
    """Return the result of a call in a new process with as many threads of torch."""
    threads = (torch.get_num_threads(),)
    with ProcessPoolExecutor(1, get_context("spawn"), torch.set_num_threads, threads) as pool:
        return pool.submit(function, *arguments).result()
