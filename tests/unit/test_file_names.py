"""Files whose names are decomposed, or in bytes that are not UTF-8."""

import os
import unicodedata
from pathlib import Path

import pytest

from nmt_cli.cli.app import main
from nmt_cli.corpus.manifest import PREPARED
from nmt_cli.corpus.readers import locate, read_pairs
from nmt_cli.corpus.tabular import Fields
from nmt_cli.corpus.text_io import TextFile, read_lines
from nmt_cli.file_names import readable

LANGUAGES = ("en", "ko")
BYTES = os.fsdecode("훈련".encode("cp949"))


def write(prefix: Path, lines: int = 1) -> None:
    for code, word in zip(LANGUAGES, ("sea", "바다"), strict=True):
        Path(f"{prefix}.{code}").write_text("".join(f"{word} {i}\n" for i in range(lines)), encoding="utf-8")


@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("given", ["NFC", "NFD"])
def test_a_name_is_found_in_both_forms(tmp_path: Path, written: str, given: str) -> None:
    def form(name: str) -> Path:
        return tmp_path / unicodedata.normalize(name, "훈련é")  # type: ignore[arg-type]

    write(form(written))
    assert list(read_pairs(locate(str(form(given)), "auto", LANGUAGES), Fields(LANGUAGES))) == [("sea 0", "바다 0")]
    sides = ",".join(f"{form(given)}.{code}" for code in LANGUAGES)
    assert list(read_pairs(locate(sides, "auto", LANGUAGES), Fields(LANGUAGES))) == [("sea 0", "바다 0")]
    assert list(read_lines(TextFile(Path(f"{form(given)}.ko")))) == ["바다 0"]


def test_a_name_that_is_not_utf8_is_read_recorded_and_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / BYTES, 40)
    arguments = ["--train", str(tmp_path / BYTES), "--source", "en", "--target", "ko"]
    with pytest.raises(SystemExit) as done:
        main(["preprocess", *arguments, "--out", str(tmp_path / "out")])
    assert done.value.code == 0
    manifest = PREPARED.read(tmp_path / "out")
    shown = readable(tmp_path / BYTES)
    assert "\\xc8" in shown
    assert [file.path for file in manifest.inputs["train"]] == [f"{shown}.en", f"{shown}.ko"]
    assert shown in manifest.command
    with pytest.raises(SystemExit) as done:
        main(["preprocess", *arguments, "--out", str(tmp_path / BYTES)])
    assert done.value.code == 1
    assert f"{shown}: the name of the folder is not UTF-8; choose another --out" in capsys.readouterr().err
