# SPDX-License-Identifier: Apache-2.0
"""The benchmark's own PostgreSQL, Redis and switch; `services` beside this file starts and ends them."""

import os
import subprocess
import sys

import accounting
import clock

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
PROGRAMS = os.environ.get("PROGRAMS", os.path.join(ROOT, "build", "release"))

# Making ten million travellers, or looking through a hundred million rows, takes minutes.
PATIENCE_S = 1800


class Trouble(Exception):
    """Why there is no figure, in words for a person."""


def run(arguments, patience_s, is_whole=False, **options):
    """Runs a program to its end and returns what it printed. Its complaints go to standard error. What must be done as a
    whole, such as starting a server, is out of Ctrl-C's reach and is waited for when we are told to end."""
    options = {"stdout": subprocess.PIPE, "stdin": subprocess.DEVNULL, "start_new_session": is_whole, **options}
    with subprocess.Popen(arguments, text=True, **options) as child:  # which waits for its end
        try:
            output, _ = child.communicate(timeout=patience_s)
        except subprocess.TimeoutExpired:
            child.kill()
            raise Trouble(f"{os.path.basename(arguments[0])} took longer than {patience_s:.0f} s") from None
        finally:
            if not is_whole:
                child.kill()
    if child.returncode != 0:
        raise Trouble(f"{' '.join(arguments)} ended with {child.returncode}: {output[-2000:].strip()}")
    return output


class Servers:
    """Use it with `with`: whatever was started is ended."""

    def __init__(self, state, organisations, travellers, *generate):
        self.state = state
        self.clock = clock.Clock()  # to be set before `with`, if it is to be another
        self.organisations = organisations
        self.travellers = travellers
        self.generate = ["--organisations", str(organisations), "--travellers", str(travellers), *generate]

    def __enter__(self):
        self._command("wipe")
        try:
            self._learn(self._command("up", *self.generate))
            self._check_clock()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def _learn(self, lines):
        """postgres_pid, postgres_host, redis_pid, redis_socket, settings_path, switch_pid, beside_socket."""
        for line in lines.splitlines():
            name, _, value = line.partition("=")
            setattr(self, name, int(value) if name.endswith("_pid") else value)

    def __exit__(self, kind, _value, _traceback):
        # After a failure the logs are worth more than the space.
        self._command("wipe" if kind is None else "down")
        self.clock.close()

    def _command(self, name, *arguments):
        words = [os.path.join(HERE, "services"), name, self.state, *arguments]
        return run(words, PATIENCE_S, is_whole=True, env=self.environment())

    def environment(self):
        return self.clock.environment(PROGRAMS)

    def _check_clock(self):
        told = float(self.sql("SELECT extract(epoch FROM clock_timestamp())"))
        if abs(told - self.clock.now()) > 5:
            raise Trouble(f"by PostgreSQL's clock it is {told:.0f}, and should be {self.clock.now():.0f}")

    def start_switch(self, settings):
        """The switch anew, with settings such as "switch.workers=2"."""
        self._learn(self._command("switch", *settings))

    def set_clock(self, now):
        """Ends the switch, and starts PostgreSQL anew with that clock, which the switch then has too; Redis tells no time."""
        self.clock.set(now)
        self._learn(self._command("postgres"))
        self._check_clock()

    def start_beside(self):
        """Another Redis, empty, with the same settings; returns its socket."""
        self._learn(self._command("beside"))
        return self.beside_socket

    def stop_beside(self):
        self._command("unbeside")

    def sql(self, text):
        words = ["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", self.conninfo(), "-c", text]
        return run(words, PATIENCE_S, env=self._without_notices()).strip()

    @staticmethod
    def _without_notices():
        return {**os.environ, "PGOPTIONS": "-c client_min_messages=warning"}

    def check_durability(self):
        """What was answered is on the disk, of the switch and of every peer in this server."""
        settings = "current_setting('fsync'), current_setting('synchronous_commit'), current_setting('full_page_writes')"
        unlogged = "SELECT count(*) FROM pg_class WHERE relpersistence <> 'p'"
        told = self.sql(f"SELECT {settings}, ({unlogged})")
        if told != "on|on|on|0":
            raise Trouble(f"fsync, synchronous_commit, full_page_writes, tables that are not logged: {told}")

    def sql_file(self, path, **variables):
        settings = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
        words = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *settings, self.conninfo(), "-f", path]
        run(words, PATIENCE_S, env=self._without_notices())

    def conninfo(self):
        return f"host={self.postgres_host} user=postgres dbname=vaxel"

    def vaxel(self, *arguments):
        words = [os.path.join(PROGRAMS, "vaxel"), "--config", self.settings_path, *arguments]
        return run(words, PATIENCE_S, env=self.environment())

    def cpu_s(self):
        """CPU time so far of each part."""
        return {
            "switch": accounting.process_cpu_s(self.switch_pid),
            "redis": accounting.process_cpu_s(self.redis_pid),
            "postgres": accounting.family_cpu_s(self.postgres_pid),
        }
