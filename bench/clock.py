# SPDX-License-Identifier: Apache-2.0
"""The civil clock of the benchmark's servers and load: the machine's, or one that is so many seconds ahead (clock_ahead.c).
Always ahead: certificates made by the machine's clock are good by it."""

import datetime
import os
import shutil
import tempfile
import time
import zoneinfo

ZONE = zoneinfo.ZoneInfo("Europe/Stockholm")  # operator.time_zone, as nobody changes it here
LIBRARY = "clock_ahead.so"


class Clock:
    def __init__(self):
        self.ahead_s = 0
        self.directory = None

    def now(self):
        return time.time() + self.ahead_s

    def set(self, now):
        """So late it is by what is started from now on."""
        self.ahead_s = round(now - time.time())

    def month_ends(self):
        """The first second of the next month."""
        here = datetime.datetime.fromtimestamp(self.now(), ZONE)
        year, month = divmod(here.year * 12 + here.month, 12)
        return datetime.datetime(year, month + 1, 1, tzinfo=ZONE).timestamp()

    def environment(self, programs):
        if not self.ahead_s:
            return dict(os.environ)
        return {**os.environ, "LD_PRELOAD": self._library(programs), "VAXEL_CLOCK_AHEAD_S": str(self.ahead_s)}

    def _library(self, programs):
        """A copy of it where PostgreSQL's user may read it."""
        if self.directory is None:
            self.directory = tempfile.mkdtemp(prefix="vaxel-clock-")
            os.chmod(self.directory, 0o711)
            shutil.copy(os.path.join(programs, LIBRARY), self.directory)
        return os.path.join(self.directory, LIBRARY)

    def close(self):
        if self.directory is not None:
            shutil.rmtree(self.directory)
            self.directory = None
