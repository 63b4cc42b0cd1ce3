"""Memory of this process, and functions that run in a process of their own."""

import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch


def megabytes(name):
    """Return a figure of the kernel about this process, such as VmRSS."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 1024


def most_resident():
    """Return the peak of this process in megabytes; getrusage would include its parent."""
    return megabytes("VmHWM")


def in_new_process(function, *arguments):
    """Return the result of a call in a new process, with as many threads of torch as here."""
    threads = (torch.get_num_threads(),)
    with ProcessPoolExecutor(1, get_context("spawn"), torch.set_num_threads, threads) as pool:
        return pool.submit(function, *arguments).result()
