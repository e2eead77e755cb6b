# SPDX-License-Identifier: Apache-2.0
"""The peers: other systems that do the same job on the same machine, measured in turn with the switch. docs/performance.md
says what a peer is. Each is a module of this directory that has

    NAME                what the figures are of, with what drives it
    set_up(servers)     for a `with`: the peer, with its rows as they are before the first purchase; what it started or
                        made outside the benchmark's directory is gone when the `with` is over
    peer.measure(is_hot, duration_s)
                        drives it for so long, spread or all in one organisation, and returns purchases a second; raises
                        Trouble unless exactly what was answered is on record and every balance equals its records

and is named here. The first is what the switch is told to be so many times faster than."""

from peers import plpgsql, tpcb

ALL = (plpgsql, tpcb)
