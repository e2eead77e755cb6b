# SPDX-License-Identifier: Apache-2.0
"""The figures as a table for a person, 80 columns at most."""

import textwrap

COLUMNS = 80


def _number(value):
    return f"{value:,.0f}".replace(",", " ")


def _range(figures, name):
    if f"{name}_min" not in figures:
        return ""
    return f"{_number(figures[f'{name}_min'])} - {_number(figures[f'{name}_max'])}"


def _row(*cells):
    widths = (24, 11, 20, 8, 8, 8)
    first, *rest = [str(cell) for cell in cells]
    return (first.ljust(widths[0]) + "".join(cell.rjust(width) for cell, width in zip(rest, widths[1:]))).rstrip()


def _cpu(label, cpu):
    return label + ", ".join(f"{name} {value:.1f}" for name, value in cpu.items()) + f"; sum {sum(cpu.values()):.1f}"


def _overload(figures):
    return (
        f"Overload: of {_number(figures['offered'])}/s {_number(figures['goodput'])} approved in time, "
        f"{_number(figures['refused'])} BUSY; {figures['late']:.0f} late"
    )


def _bound(label, figures):
    return (
        f"{label}{_number(figures['rate'])}/s (Redis {figures['redis_us']:.1f} us, PostgreSQL {figures['postgres_us']:.1f} us"
        f" alone), reached {figures['ratio']:.2f}"
    )


def _memory(figures):
    return (
        f"Memory: {figures['node_mib']:.0f} MiB with {_number(figures['credentials'])} credentials; "
        f"{figures['bytes_a_connection'] / 1024:.1f} KiB each of {_number(figures['connections'])} connections"
    )


def _recovery(case):
    back = "is not back" if case["rate_back_s"] is None else f"back after {case['rate_back_s']:.1f} s"
    label = f"{case['name']}, {_number(case['rows'])} rows: {_number(case['rate'])}/s {back}"
    near = case["around"]
    return (
        f"{label}, worst {case['worst_ms']:.0f} ms, {_number(case['not_approved'])} not approved; "
        f"the {near['seconds']} s around: p99 {near['p99_ms']:.0f} ms"
    )


def _growth(name, points):
    for point in points:
        cpu = f"CPU {sum(point['cpu_us'].values()):.0f} us"
        label = f"{_number(point['at'])} {name}"
        yield _row(label, _number(point["rate"]), cpu, f"{point['p50_ms']:.2f}", f"{point['p99_ms']:.2f}")


def _wrapped(line):
    return textwrap.fill(line, COLUMNS, subsequent_indent="    ") if len(line) > COLUMNS else line


def table(result):
    machine, settings, verified = result["machine"], result["settings"], result["verified"]
    lines = [
        f"{machine['cores']} cores ({machine['cpu']}), {machine['memory_gib']} GiB, Linux {machine['kernel']}",
        f"one fdatasync {machine['fdatasync_us']:.0f} us, stolen {machine['steal'] * 100:.1f} %; "
        f"{settings['workers']} worker(s), {settings['connections']} connections, {settings['rounds']} round(s)",
        "",
        _row("", "per second", "min - max", "p50 ms", "p99 ms", "p99.9"),
    ]
    names = {"saturation": "saturation, spread", "hot": "saturation, hot", "half_load": "half load, open loop"}
    for key, label in names.items():
        figures = result[key]
        latencies = [f"{figures[name]:.2f}" for name in ("p50_ms", "p99_ms", "p999_ms")]
        lines.append(_row(label, _number(figures["rate"]), _range(figures, "rate"), *latencies))
    if "grpc" in result:
        figures = result["grpc"]
        latencies = [f"{figures[name]:.2f}" for name in ("p50_ms", "p99_ms", "p999_ms")]
        lines.append(_row("over gRPC", _number(figures["rate"]), f"frames {_number(figures['rate_frames'])}", *latencies))
    drain = result["drain"]
    cells = (_number(drain["rate"]), "online meanwhile:", f"{drain['p50_ms']:.2f}", f"{drain['p99_ms']:.2f}")
    lines.append(_row(f"drain of {_number(drain['advices'])}", *cells))
    if "outage" in result:
        gone = result["outage"]
        latencies = [f"{gone[name]:.2f}" for name in ("p50_ms", "p99_ms", "p999_ms")]
        label = f"PostgreSQL frozen {gone['frozen_s']:.0f} s"
        lines.append(_row(label, _number(gone["rate"]), f"drained in {gone['drained_s']:.1f} s", *latencies))
    for peer in result["peers"]:
        name = peer["name"].split(",")[0][:16]
        lines.append(_row(f"{name}, spread", _number(peer["rate"]), _range(peer, "rate")))
        lines.append(_row(f"{name}, hot", _number(peer["rate_hot"]), _range(peer, "rate_hot")))
    if "growth" in result:
        lines.append("")
    lines += [line for name, points in result.get("growth", {}).items() for line in _growth(name, points)]
    lone, cpu = result["lone"], result["cpu_us"]
    bound = 3 * (lone["redis_rtt_ms"] + lone["commit_ms"])
    lines += [
        "",
        f"A lone request: {lone['p50_ms']:.3f} ms; a Redis round trip {lone['redis_rtt_ms']:.3f} ms, "
        f"a commit {lone['commit_ms']:.3f} ms",
        f"    (the goal: at most 3 x their sum, {bound:.3f} ms)",
        _overload(result["overload"]),
        _cpu("CPU us a purchase: ", cpu),
        _cpu("             hot: ", result["cpu_us_hot"]),
    ]
    for name, label in (("bound", "Bound: "), ("bound_hot", "  hot: ")):
        if name in result:
            lines.append(_bound(label, result[name]))
    if "memory" in result:
        lines.append(_memory(result["memory"]))
    lines += [_recovery(case) for case in result.get("recovery", ())]
    for peer in result["peers"]:
        spread, hot = (result[key]["rate"] / peer[name] for key, name in (("saturation", "rate"), ("hot", "rate_hot")))
        lines.append(f"Peer: {peer['name']}; spread {spread:.1f} x, hot {hot:.1f} x")
    lines.append(
        f"Verified: {_number(verified['answers'])} approved, {_number(verified['rows'])} rows; counters equal the records"
    )
    return "\n".join(_wrapped(line) for line in lines)
