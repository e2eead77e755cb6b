# SPDX-License-Identifier: Apache-2.0
"""What is made of what was measured."""

import importlib.machinery
import importlib.util
import os
import unittest

import bound
import growth
import loads
import recovery
from servers import HERE


def program():
    """bench/bench as a module: its name has no ending."""
    loader = importlib.machinery.SourceFileLoader("bench", os.path.join(HERE, "bench"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench", loader))
    loader.exec_module(module)
    return module


bench = program()


class Medians(unittest.TestCase):
    def test_a_figure_is_the_median_of_its_rounds_and_a_rate_has_its_least_and_most(self):
        measured = bench.Measurements()
        for rate, p50_ms in ((100, 3), (300, 1), (200, 2)):
            measured.keep("saturation", {"rate": rate, "p50_ms": p50_ms})
        self.assertEqual(measured.middle("saturation"), {"rate": 200, "rate_min": 100, "rate_max": 300, "p50_ms": 2})

    def test_the_median_of_two_rounds_lies_between_them(self):
        measured = bench.Measurements()
        measured.keep("lone", {"p50_ms": 1})
        measured.keep("lone", {"p50_ms": 2})
        self.assertEqual(measured.middle("lone")["p50_ms"], 1.5)

    def test_rates_are_whole_and_other_figures_have_four_digits(self):
        told = bench.rounded({"rate": 1234.56, "rate_back_s": 1.23456, "list": [{"p50_ms": 0.123456}], "none": None})
        self.assertEqual(told, {"rate": 1235, "rate_back_s": 1.235, "list": [{"p50_ms": 0.1235}], "none": None})

    def test_a_quick_run_on_a_slow_machine_measures_for_a_shorter_time(self):
        plan = {"seconds": 9, "peer_seconds": 9}
        bench.fit(plan, 3)
        shorter = dict(plan)
        bench.fit(plan, 30)
        self.assertLess(shorter["seconds"], 9)
        self.assertEqual(plan, {"seconds": 2, "peer_seconds": 2})


class CpuTime(unittest.TestCase):
    @staticmethod
    def glances_of(*seen):
        glances = loads.Glances(None)
        glances.seen = [(answers, {"switch": cpu_s}) for answers, cpu_s in seen]
        return glances

    def test_cpu_time_is_shared_among_the_purchases_between_two_glances(self):
        self.assertEqual(self.glances_of((1000, 1.0), (2000, 1.5), (3000, 2.0)).cpu_us(), {"switch": 500})

    def test_the_last_glances_do_not_count_when_the_load_has_all_but_ended(self):
        self.assertEqual(self.glances_of((1000, 1.0), (2000, 1.5), (2010, 9.0)).cpu_us(), {"switch": 500})

    def test_without_two_glances_there_is_no_cpu_time(self):
        self.assertEqual(self.glances_of((1000, 1.0)).cpu_us(), {})


class Bound(unittest.TestCase):
    def test_so_many_purchases_together_make_groups_of_the_size_that_was_seen(self):
        self.assertEqual(bound.together(37.6, 1), 38)
        self.assertEqual(bound.together(1.0, 200), 1)
        count = bound.together(2.0, 200)
        drawn = 200 * (1 - (1 - 1 / 200) ** count)  # organisations among so many purchases
        self.assertAlmostEqual(count / drawn, 2.0, places=1)


class Recovery(unittest.TestCase):
    steps = {at: 10 if at >= 25 else 5 for at in range(100)}  # tenths of a second, at 100 a second

    def test_the_rate_is_back_from_the_tenth_on_with_which_a_whole_second_has_it(self):
        self.assertAlmostEqual(recovery.rate_back_s(self.steps, 100, 10), 2.5)

    def test_a_tenth_alone_is_no_return(self):
        lonely = {**dict.fromkeys(range(100), 5), 10: 10, 50: 0}
        self.assertIsNone(recovery.rate_back_s(lonely, 100, 10))

    def test_what_was_recorded_before_is_of_no_second(self):
        self.assertEqual(recovery.approved_each_s({**self.steps, -5: 77}, 4), [50, 50, 75, 100])


class Growth(unittest.TestCase):
    def test_a_part_of_the_steps_has_each_once(self):
        self.assertEqual(growth.scaled((1, 10, 100, 1000, 10_000), 0.01), [1, 10, 100])
        self.assertEqual(growth.scaled(growth.ROW_STEPS, 1), list(growth.ROW_STEPS))

    def test_every_population_has_as_many_travellers_as_its_step_says(self):
        for at, (organisations, travellers) in growth.populations(1)["travellers"].items():
            self.assertEqual(organisations * travellers, at)
        for at, (organisations, travellers) in growth.populations(1)["organisations"].items():
            self.assertEqual((organisations, organisations * travellers), (at, growth.TRAVELLERS))
