"""``fastfit selftest``: fits whose results are known, at every level of the kernel that this machine has."""

from fastfit.proof.report import Difference, Selftest, Tested
from fastfit.proof.testing import begun, level_of, levels_of, selftest

__all__ = ["Difference", "Selftest", "Tested", "begun", "level_of", "levels_of", "selftest"]
