"""The main job: rules first, bytes next, proof, and every rule retired on evidence."""

from __future__ import annotations

from rig import Rig


def test_a_whole_job(each_rig: Rig) -> None:
    each_rig.fill(prefixes=25, each=2)
    each_rig.start()
    each_rig.drive()
    each_rig.check_end()
    assert each_rig.snapshot().counters.copied == 51
