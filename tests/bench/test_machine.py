# SPDX-License-Identifier: Apache-2.0
"""What is asked of the machine, and done on it."""

import datetime
import os
import shutil
import subprocess
import tempfile
import time
import unittest

import accounting
import clock
import servers


def process(arguments, **options):
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)


class CpuTime(unittest.TestCase):
    def test_a_name_with_spaces_and_brackets_hides_no_cpu_time(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "a) R 1 (b")
            shutil.copy(shutil.which("cat"), path)
            with process([path]) as child:
                self.assertLess(accounting.process_cpu_s(child.pid), 60)
                child.stdin.close()

    def test_a_family_has_the_time_of_a_child_that_has_ended(self):
        burn = "i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done"
        with process(["bash", "-c", f"( {burn} ); echo done; read line"]) as child:
            child.stdout.readline()
            self.assertGreater(accounting.family_cpu_s(child.pid), accounting.process_cpu_s(child.pid))
            child.stdin.close()

    def test_the_stolen_share_is_a_share(self):
        since = accounting.steal()
        self.assertTrue(0 <= accounting.stolen_share(since) <= 1)

    def test_a_sync_to_disk_takes_time_and_leaves_nothing(self):
        with tempfile.TemporaryDirectory() as directory:
            self.assertGreater(accounting.fdatasync_us(directory, 5), 0)
            self.assertEqual(os.listdir(directory), [])


class Clock(unittest.TestCase):
    def setUp(self):
        self.clock = clock.Clock()

    def tearDown(self):
        self.clock.close()

    def set_to(self, *civil):
        self.clock.set(datetime.datetime(*civil, tzinfo=clock.ZONE).timestamp())

    def test_a_month_ends_where_the_next_begins_by_the_operator_s_time(self):
        for civil, end in (((2027, 12, 31, 23), (2028, 1, 1)), ((2027, 3, 27, 1), (2027, 4, 1)), ((2027, 10, 1, 1), (2027, 11, 1))):
            self.set_to(*civil)
            wanted = datetime.datetime(*end, tzinfo=clock.ZONE).timestamp()
            self.assertEqual(self.clock.month_ends(), wanted)

    def test_a_program_that_is_given_the_clock_tells_its_time_and_waits_by_the_machine_s(self):
        self.set_to(2031, 5, 31, 23, 59, 50)
        environment = self.clock.environment(servers.PROGRAMS)
        began = time.monotonic()
        told = servers.run(["bash", "-c", "date +%s; sleep 0.1; printf '%(%s)T\\n'"], 60, env=environment).split()
        self.assertLess(time.monotonic() - began, 60)
        for second in told:
            self.assertLess(abs(int(second) - self.clock.now()), 60)

    def test_without_another_clock_a_program_gets_nothing_preloaded(self):
        self.assertNotIn("VAXEL_CLOCK_AHEAD_S", self.clock.environment(servers.PROGRAMS))


class Running(unittest.TestCase):
    def test_a_program_that_fails_is_trouble_with_what_it_said(self):
        with self.assertRaisesRegex(servers.Trouble, "ended with 3: no room"):
            servers.run(["bash", "-c", "echo no room; exit 3"], 60)

    def test_a_program_that_takes_too_long_is_ended(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "pid")
            with self.assertRaisesRegex(servers.Trouble, "took longer"):
                servers.run(["bash", "-c", f"echo $$ > {path}; exec sleep 600"], 10)
            with open(path, encoding="ascii") as file:
                self.assertFalse(os.path.exists(f"/proc/{int(file.read())}"))
