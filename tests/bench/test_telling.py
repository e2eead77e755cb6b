# SPDX-License-Identifier: Apache-2.0
"""How the figures are told: as a table, and as drawings."""

import os
import tempfile
import unittest
import xml.etree.ElementTree

import plots
import report

LATENCIES = {"p50_ms": 22.8, "p99_ms": 41.5, "p999_ms": 47.12}
CPU = {"switch": 14.41, "redis": 10.42, "postgres": 106.7, "load": 11.3}


def rates(name, rate):
    return {name: rate, f"{name}_min": rate * 0.9, f"{name}_max": rate * 1.1}


def case(name, back):
    told = {"name": name, "rows": 100_000_000, "rate": 142_199, "rate_back_s": back, "worst_ms": 12_805.2}
    told.update(not_approved=1_757_552, around={"seconds": 10, "p99_ms": 1565.1})
    return {**told, "approved_each_s": [0, 71_000] + [142_199] * 58}


RESULT = {
    "machine": {"cores": 128, "cpu": "Some(R) Maker(TM) Platinum 8370C CPU @ 2.80GHz", "memory_gib": 1023.5,
                "kernel": "6.18.44-cloud-amd64", "fdatasync_us": 1079.3, "steal": 0.123},
    "settings": {"workers": 16, "connections": 10_000, "rounds": 15},
    "saturation": {**rates("rate", 142_514), **LATENCIES},
    "hot": {**rates("rate", 150_577), **LATENCIES},
    "half_load": {**rates("rate", 71_255), **LATENCIES},
    "overload": {"offered": 285_000, "goodput": 142_000.5, "refused": 130_000, "late": 12_345},
    "drain": {"advices": 480_000, "rate": 18_323, "p50_ms": 114.2, "p99_ms": 127.41},
    "outage": {"frozen_s": 30, "rate": 3000, "drained_s": 101.8, **LATENCIES},
    "lone": {"p50_ms": 10.431, "redis_rtt_ms": 10.013, "commit_ms": 10.164},
    "cpu_us": CPU,
    "cpu_us_hot": CPU,
    "bound": {"rate": 121_000, "ratio": 0.29, "redis_us": 110.3, "postgres_us": 106.3},
    "bound_hot": {"rate": 214_000, "ratio": 0.29, "redis_us": 5.4, "postgres_us": 4.0},
    "memory": {"node_mib": 147, "credentials": 10_000_007, "bytes_a_connection": 25_300, "connections": 10_000},
    "recovery": [case("Redis emptied, many organisations", None), case("the month turns, many organisations", 10.1)],
    "growth": {name: [{"at": 10**power, "rate": 142_805, "cpu_us": CPU, **LATENCIES} for power in range(9)]
               for name in ("organisations", "travellers", "connections", "rows")},
    "peers": [{"name": name, **rates("rate", 12_453), **rates("rate_hot", 3_345)}
              for name in ("plpgsql function, pgbench", "a peer of a very long name indeed, its own client")],
    "verified": {"answers": 1_511_674, "rows": 1_511_674},
}
CURVES = [("half load", [(0.5, 0.9), (0.9, 2.2), (0.99, 4.2), (0.999, 15.5)]), ("lone", [(0.5, 0.4), (0.999, 2.0)])]


class Table(unittest.TestCase):
    def test_no_line_is_longer_than_a_terminal_is_wide(self):
        for line in report.table(RESULT).splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_a_rate_that_does_not_come_back_is_told_so(self):
        told = " ".join(report.table(RESULT).split())
        self.assertIn("142 199/s is not back", told)
        self.assertIn("142 199/s back after 10.1 s", told)

    def test_what_was_not_measured_is_left_out(self):
        left_out = ("outage", "bound", "bound_hot", "memory", "recovery", "growth")
        told = report.table({name: value for name, value in RESULT.items() if name not in left_out})
        for word in ("frozen", "Bound", "Memory", "emptied", " rows  "):
            self.assertNotIn(word, told)


class Drawings(unittest.TestCase):
    def drawn(self, result):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return plots.draw(directory.name, result, CURVES)

    def test_everything_lies_within_its_picture(self):
        vectors = [path for path in self.drawn(RESULT) if path.endswith(".svg")]
        self.assertEqual(len(vectors), 5)
        for path in vectors:
            for element in xml.etree.ElementTree.parse(path).iter():
                for name, most in (("x", plots.WIDTH), ("y", plots.HEIGHT)):
                    self.assertTrue(0 <= float(element.get(name, 0)) <= most, (path, element.attrib))
                for pair in element.get("points", "").split():
                    x, y = (float(number) for number in pair.split(","))
                    self.assertTrue(0 <= x <= plots.WIDTH and 0 <= y <= plots.HEIGHT, (path, pair))

    def test_each_drawing_is_there_as_png_too(self):
        paths = self.drawn(RESULT)
        pictures = {os.path.splitext(path)[0] for path in paths if path.endswith(".png") and os.path.getsize(path) > 1000}
        self.assertEqual(pictures, {os.path.splitext(path)[0] for path in paths})

    def test_without_growth_and_recovery_there_are_rates_and_latencies(self):
        result = {name: value for name, value in RESULT.items() if name not in ("growth", "recovery")}
        self.assertEqual(len(self.drawn(result)), 4)
