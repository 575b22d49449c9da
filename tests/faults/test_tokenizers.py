"""Forged SentencePiece models under a valid hash are used or refused in one line, and never end or fill the process."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

LOADER = Path(__file__).with_name("load_forged.py")
GROWTH = 300
"""MiB that the process may grow by."""


@pytest.mark.parametrize("count", [150, pytest.param(2000, marks=pytest.mark.faults)])
def test_forged_tokenizers_are_used_or_refused(tmp_path: Path, count: int) -> None:
    loader = [sys.executable, str(LOADER), str(tmp_path), "1", str(count)]
    done = subprocess.run(loader, capture_output=True, text=True, check=False)
    *lines, last = done.stdout.splitlines()
    assert done.returncode == 0, f"{last}\n{done.stderr}"
    results = Counter(line.split()[-1] for line in lines)
    assert set(results) == {"told", "used"}
    assert results.total() == count
    assert results["used"] > count // 20
    grown = re.fullmatch(r"memory grew by (\d+) MiB, .*", last)
    assert grown
    assert int(grown[1]) < GROWTH
    print(last)
