# SPDX-License-Identifier: Apache-2.0
"""What the machine spent: CPU time of processes, and what other guests of the host stole."""

import os
import time

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """The fields of /proc/PID/stat from the state on: the name before it may hold spaces."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def family(pid):
    """A process and its children."""
    return [pid, *_children(pid)]


def process_cpu_s(pid):
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def family_cpu_s(pid):
    """A process with its children: those that run, and those that have ended and were waited for."""
    fields = _stat(pid)
    total = sum(int(field) for field in fields[11:15]) / TICKS_PER_S
    for child in _children(pid):
        try:
            total += process_cpu_s(child)
        except (FileNotFoundError, ProcessLookupError):
            pass  # it ended just now: its parent has its time from the next look on
    return total


def steal():
    """Stolen and all time of the machine so far, in ticks."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(field) for field in file.readline().split()[1:9]]
    return fields[7], sum(fields)


def stolen_share(since):
    stolen, total = steal()
    return (stolen - since[0]) / max(1, total - since[1])


def fdatasync_us(directory, tries=400):
    """The median time to append 8 KiB, PostgreSQL's page, to a file that has its space already, and have it on disk."""
    path = os.path.join(directory, f"fdatasync-{os.getpid()}")
    page = b"x" * 8192
    times = []
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        os.write(file, page * tries)
        os.fsync(file)
        for i in range(tries):
            os.pwrite(file, page, i * len(page))
            started = time.perf_counter_ns()
            os.fdatasync(file)
            times.append(time.perf_counter_ns() - started)
    finally:
        os.close(file)
        os.unlink(path)
    return sorted(times)[tries // 2] / 1000


def machine(data_directory):
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": models[0] if models else "unknown",
        "memory_gib": round(memory / 2**30, 1),
        "kernel": os.uname().release,
        "fdatasync_us": round(fdatasync_us(data_directory), 1),
    }
