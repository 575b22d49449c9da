"""`nmt translate`: streams, output formats, files, and errors."""

import codecs
import gzip
import io
import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from conftest import DIFFICULT_LINES, restore_default_sigint, write_tiny_model

from nmt_cli.api.translate import FIRST_WINDOW
from nmt_cli.cli.app import main
from nmt_cli.corpus.tokenizer import Tokenizer
from nmt_cli.decoding.text_stream import count_lines
from nmt_cli.decoding.translator import LineTranslator

pytestmark = pytest.mark.integration

FAST = ("--beam-size", "1", "--max-length", "8", "--device", "cpu", "--precision", "fp32", "--threads", "1")


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "nmt_cli", "translate", *map(str, arguments)]


class Program:
    """Runs `nmt translate` in this process, which saves importing torch for every test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[bytes]) -> None:
        self.monkeypatch = monkeypatch
        self.capture = capture

    def __call__(self, model: Path, content: bytes | str, *arguments: object, code: int = 0) -> tuple[list[str], str]:
        """The lines on standard output, and the text on standard error."""
        content = content if isinstance(content, bytes) else content.encode()
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        with pytest.raises(SystemExit) as exited:
            main(command("--model", model, *FAST, *arguments)[3:])
        out, error = self.capture.readouterr()
        assert exited.value.code == code, error.decode()
        assert not out or out.endswith(b"\n")
        return out.decode().split("\n")[:-1], error.decode()


@pytest.fixture
def nmt(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Program:
    return Program(monkeypatch, capsysbinary)


def test_one_output_line_per_input_line_for_any_bytes(nmt: Program, tiny_model: Path, tmp_path: Path) -> None:
    receipt, alignment = tmp_path / "receipt.jsonl", tmp_path / "alignment"
    files = ("--receipt", receipt, "--alignment", alignment)
    lines, error = nmt(tiny_model, b"\n".join(DIFFICULT_LINES), *files)
    assert len(lines) == len(DIFFICULT_LINES)
    assert all(len(line.splitlines()) <= 1 for line in lines)
    assert [n for n, line in enumerate(DIFFICULT_LINES) if not line.strip() and lines[n]] == []
    assert lines[8] == lines[11]
    assert len(alignment.read_text(encoding="utf-8").split("\n")) == len(DIFFICULT_LINES) + 1
    issues = {
        entry["line"]: [issue["kind"] for issue in entry["issues"]]
        for entry in map(json.loads, receipt.read_text(encoding="utf-8").splitlines())
    }
    assert [n for n, kinds in issues.items() if "blank" in kinds] == [2, 3, 14]
    assert [n for n, kinds in issues.items() if "invalid_utf8" in kinds] == [5]
    assert [n for n, kinds in issues.items() if "split" in kinds] == [10]
    assert "3 of 15 lines blank, left blank (the first is line 2)" in error
    assert "1 of 15 lines with bytes that are not UTF-8, replaced by U+FFFD (the first is line 5)" in error
    assert "1 of 15 lines longer than the model's limit, translated in segments (the first is line 10)" in error
    assert "3 of 15 lines that ended in a carriage return, which was dropped (the first is line 6)" in error
    assert "1 of 15 lines that began with a byte order mark, which was dropped (the first is line 1)" in error


def test_locale_does_not_change_the_output(nmt: Program, tiny_model: Path) -> None:
    expected, _ = nmt(tiny_model, b"\n".join(DIFFICULT_LINES))
    result = subprocess.run(
        command("--model", tiny_model, *FAST),
        input=b"\n".join(DIFFICULT_LINES),
        capture_output=True,
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"},
        check=True,
    )
    assert result.stdout.decode().split("\n")[:-1] == expected


def test_batch_size_does_not_change_the_output(nmt: Program, tiny_model: Path) -> None:
    content = b"\n".join(DIFFICULT_LINES * 3)
    one, _ = nmt(tiny_model, content)
    other, _ = nmt(tiny_model, content, "--batch-size", 2)
    assert one == other


def test_empty_input_gives_empty_output(nmt: Program, tiny_model: Path) -> None:
    assert nmt(tiny_model, b"") == ([], "")


def test_n_best_is_written_in_moses_format(nmt: Program, tiny_model: Path) -> None:
    lines, _ = nmt(tiny_model, "old man\n\ndog", "--beam-size", 4, "--n-best", 3)
    parts = [line.split(" ||| ") for line in lines]
    assert sorted({int(index) for index, _, _ in parts}) == [0, 1, 2]
    assert [text for index, text, _ in parts if index == "1"] == [""]
    assert all(float(score) <= 0 for _, _, score in parts)
    assert 2 <= sum(index == "0" for index, _, _ in parts) <= 3


def test_jsonl_entries_are_consistent_with_the_plain_output(nmt: Program, tiny_model: Path) -> None:
    source = ["old man", "", "women\u2028talk ."]
    options = ("--output-format", "jsonl", "--beam-size", 3, "--n-best", 2)
    lines, _ = nmt(tiny_model, "\n".join(source), *options)
    plain, _ = nmt(tiny_model, "\n".join(source), "--beam-size", 3)
    assert [line.splitlines() for line in lines] == [[line] for line in lines]
    entries = [json.loads(line) for line in lines]
    assert [entry["source"] for entry in entries] == source
    assert [entry["translation"] for entry in entries] == plain
    for entry in entries:
        assert len(entry["tokens"]) == len(entry["probabilities"])
        assert all(0 <= p <= 1 for p in [entry["confidence"], *entry["probabilities"]])
        assert entry["score"] <= 0
        words = len(entry["source"].split())
        assert all(0 <= i < words for i, _ in entry["alignment"])
        assert entry["n_best"][0]["translation"] == entry["translation"]
    assert entries[1]["issues"] == ["blank"]


def test_alignment_and_attention_files_are_by_words(nmt: Program, tiny_model: Path, tmp_path: Path) -> None:
    files = ("--alignment", tmp_path / "links", "--attention", tmp_path / "maps.json")
    lines, _ = nmt(tiny_model, "old man sings\n\nthe dog runs over", *files, "--min-length", 2)
    rows = (tmp_path / "links").read_text().split("\n")
    maps = json.loads((tmp_path / "maps.json").read_text())["sentences"]
    assert len(rows) == 4
    assert rows[1] == ""
    assert [entry["source_words"] for entry in maps] == [["old", "man", "sings"], ["the", "dog", "runs", "over"]]
    assert [entry["line"] for entry in maps] == [1, 3]
    for row, entry, line in zip((rows[0], rows[2]), maps, (lines[0], lines[2]), strict=True):
        assert entry["target"] == line
        best = [max(range(len(weights)), key=weights.__getitem__) for weights in entry["weights"]]
        assert sorted(best) == sorted(int(link.split("-")[0]) for link in row.split())


def test_target_prefix_file_has_one_prefix_per_line(nmt: Program, tiny_model: Path, tmp_path: Path) -> None:
    prefixes = tmp_path / "prefixes"
    prefixes.write_text("작은 개가\n\n나는\n", encoding="utf-8")
    lines, _ = nmt(tiny_model, "dog\nman\nx\n", "--target-prefix", prefixes)
    assert lines[0].startswith("작은 개가")
    assert lines[2].startswith("나는")
    _, error = nmt(tiny_model, "dog\nman\nx\ny\n", "--target-prefix", prefixes, code=1)
    assert f"--target-prefix {prefixes}: ends before line 4 of the input" in error
    lines, error = nmt(tiny_model, "dog\n", "--target-prefix", prefixes, code=1)
    assert len(lines) == 1
    assert "has more lines than the 1 of the input" in error


def test_seed_determines_the_samples(nmt: Program, tiny_model: Path) -> None:
    content = "the dog\n" * 6
    options = ("--sample", "--temperature", 1.5, "--beam-size", 5)
    one, same, other = (nmt(tiny_model, content, *options, "--seed", seed)[0] for seed in (1, 1, 2))
    assert one == same != other
    assert len(set(one)) > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--attention", "map.doc"), "map.doc: attention is written as .html, .svg, .png, .json"),
        (("--n-best", 9), "n_best 9 is more than beam_size 1"),
        (("--target-prefix", "nowhere"), "nowhere: no such file"),
        (("--model", "nowhere"), "nowhere: no model here"),
        (
            ("--receipt", "x", "--alignment", "./x"),
            "is written by --alignment and by --receipt; give each its own",
        ),
        (("--receipt", "."), ".: Is a directory"),
        (("--alignment", "/dev/null/x"), "/dev/null/x: Not a directory"),
        (("--attention", "/dev/null/x.html"), "/dev/null/x.html: Not a directory"),
        (("--threads", 10**11), "threads = 100000000000: input should be less than or equal to 4096"),
        (("--max-length", 10**20), "max_length = 100000000000000000000: input should be less than or equal to"),
        (("--set", "coverage=1"), "no option coverage; did you mean coverage_penalty?"),
    ],
)
def test_errors_are_one_line(
    nmt: Program,
    tiny_model: Path,
    arguments: tuple[object, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    lines, error = nmt(tiny_model, "x\n", *arguments, code=1)
    assert lines == []
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--alignment", "--attention"])
def test_attention_outputs_are_refused_for_a_model_without_attention(
    nmt: Program, tiny_tokenizer: Tokenizer, tmp_path: Path, option: str
) -> None:
    model = write_tiny_model(tmp_path / "fixed", tiny_tokenizer, attention="none-repeat")
    lines, error = nmt(model, "the dog\n", option, tmp_path / "map.html", code=1)
    assert lines == []
    assert f"{option}: {model} has no attention" in error
    assert not (tmp_path / "map.html").exists()


def test_failed_run_leaves_existing_files_unchanged(nmt: Program, tiny_model: Path, tmp_path: Path) -> None:
    prefixes, alignment = tmp_path / "prefixes", tmp_path / "alignment"
    prefixes.write_text("나는\n", encoding="utf-8")
    alignment.write_text("what was there\n")
    nmt(tiny_model, "x\ny\n", "--alignment", alignment, "--target-prefix", prefixes, code=1)
    assert alignment.read_text() == "what was there\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alignment", "prefixes"]


def start(
    model: Path, *arguments: object, stdin: int = subprocess.PIPE, stdout: int | IO[bytes] = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("--model", model, *FAST, *arguments),
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": ""},  # buffered, as users run it
        preexec_fn=restore_default_sigint,
    )


def pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """A stream of a process that was started with a pipe for it."""
    assert stream is not None
    return stream


def test_each_line_is_answered_while_the_pipe_stays_open(nmt: Program, tiny_model: Path) -> None:
    expected, _ = nmt(tiny_model, "old man\nthe dog\n")
    with start(tiny_model) as process:
        for text, answer in zip(("old man", "the dog"), expected, strict=True):
            pipe(process.stdin).write(text.encode() + b"\n")
            pipe(process.stdin).flush()
            assert pipe(process.stdout).readline().decode() == answer + "\n"
        pipe(process.stdin).close()
        assert process.wait() == 0


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_line_typed_at_a_terminal_is_answered(nmt: Program, tiny_model: Path) -> None:
    expected, _ = nmt(tiny_model, "old man\n")
    keyboard, terminal = os.openpty()
    with start(tiny_model, stdin=terminal) as process:
        os.close(terminal)
        assert b"type a line to translate" in pipe(process.stderr).readline()
        os.write(keyboard, b"old man\n")
        assert pipe(process.stdout).readline().decode() == expected[0] + "\n"
        os.write(keyboard, b"\x04")
        assert process.wait() == 0
    os.close(keyboard)


def test_ensemble_option_adds_models(nmt: Program, tiny_model: Path, tmp_path: Path, tiny_tokenizer: Tokenizer) -> None:
    other = write_tiny_model(tmp_path / "other", tiny_tokenizer, cell="gru")
    alone, _ = nmt(tiny_model, "old man\nthe dog runs\n")
    together, _ = nmt(tiny_model, "old man\nthe dog runs\n", "--ensemble", other)
    assert len(together) == 2
    assert together != alone
    _, error = nmt(tiny_model, "x\n", "--ensemble", tmp_path / "none", code=1)
    assert "none: no model here" in error


def test_lost_output_line_is_an_error(nmt: Program, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = LineTranslator.translate
    monkeypatch.setattr(LineTranslator, "translate", lambda self, lines: real(self, lines)[:-1])
    _, error = nmt(tiny_model, "old man\ndog\n", code=1)
    assert error == "nmt: 1 lines out for 2 lines in: this is a bug in nmt; please report it\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_is_reported_and_leaves_no_files(tiny_model: Path, tmp_path: Path, number: signal.Signals) -> None:
    with start(tiny_model, "--receipt", tmp_path / "receipt") as process:
        pipe(process.stdin).write(b"x\n")
        pipe(process.stdin).flush()
        pipe(process.stdout).readline()
        process.send_signal(number)
        assert process.wait() == 130
        assert pipe(process.stderr).read() == b"lines written: 1\nnmt: interrupted\n"
    assert list(tmp_path.iterdir()) == []


def test_output_starts_before_the_input_has_ended(tiny_model: Path) -> None:
    """Of a long input the first lines come at once, and what is translated is not lost on Ctrl-C."""
    with start(tiny_model, "--max-length", "100", "--min-length", "100") as process:
        pipe(process.stdin).write(b"the dog runs\n" * 5000)
        pipe(process.stdin).flush()
        lines = [pipe(process.stdout).readline() for _ in range(FIRST_WINDOW)]
        process.send_signal(signal.SIGINT)
        rest = pipe(process.stdout).read().splitlines()
        assert process.wait() == 130
        assert all(lines)
        assert f"lines written: {FIRST_WINDOW + len(rest)}" in pipe(process.stderr).read().decode().replace(",", "")
        assert len(rest) < 5000 - FIRST_WINDOW


def test_lines_of_a_file_are_counted_for_the_progress(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    for content, count in ((b"", 0), (b"a", 1), (b"a\n", 1), (b"a\nb", 2), (b"\n" * 70_000, 70_000)):
        path.write_bytes(content)
        with open(path, "rb") as stream:
            assert count_lines(stream) == count
            assert stream.read() == content
    assert count_lines(io.BytesIO(b"a\n")) is None


def test_receipt_on_standard_output_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    with open(tmp_path / "out.txt", "wb") as out:
        program = command("--model", tiny_model, *FAST, "--receipt", "/dev/stdout")
        result = subprocess.run(program, input=b"\n", stdout=out, stderr=subprocess.PIPE, check=False)
    assert result.returncode == 1
    assert result.stderr == b"nmt: /dev/stdout: is already used as standard output; choose another file\n"


def test_device_files_are_written_to_and_not_replaced(tiny_model: Path) -> None:
    with start(tiny_model, "--receipt", os.devnull, "--alignment", os.devnull) as process:
        assert len(process.communicate(b"x\n\n")[0].split(b"\n")) == 3
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize(
    ("closed", "code", "out", "error"),
    [
        ("<&-", 0, b"", b""),
        (">&-", 1, b"", b"nmt: standard output is closed; the result cannot be written\n"),
        ("2>&-", 0, b"\n", b""),
    ],
)
def test_closed_standard_streams(tiny_model: Path, closed: str, code: int, out: bytes, error: bytes) -> None:
    program = shlex.join(command("--model", tiny_model, *FAST))
    result = subprocess.run(f"{program} {closed}", shell=True, input=b"\n", capture_output=True, check=False)
    assert (result.returncode, result.stdout) == (code, out)
    assert result.stderr == error


def test_closed_pipe_ends_the_program_silently(tiny_model: Path) -> None:
    with start(tiny_model) as process:
        pipe(process.stdin).write(b"x\n")
        pipe(process.stdin).flush()
        pipe(process.stdout).readline()
        pipe(process.stdout).close()  # before more output is written
        pipe(process.stdin).write(b"x\n" * 50)
        pipe(process.stdin).close()
        assert process.wait() == 141
        assert pipe(process.stderr).read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_is_a_one_line_error(tiny_model: Path) -> None:
    with open("/dev/full", "wb") as full, start(tiny_model, stdout=full) as process:
        pipe(process.stdin).write(b"old man\n" * 3)
        pipe(process.stdin).close()
        assert process.wait() == 1
        error = pipe(process.stderr).read().decode()
    assert "No space left on device" in error
    assert error.count("\n") == 1


def test_explain_accepts_arguments_of_any_bytes(tiny_model: Path) -> None:
    arguments: list[str | bytes] = [
        "explain",
        b"\xff\xfe dog",
        "--model",
        str(tiny_model),
        "--translation",
        b"\xea \x80",
        "--threads",
        "1",
    ]
    result = subprocess.run([sys.executable, "-m", "nmt_cli", *arguments], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()
    assert "source       \ufffd\ufffd dog" in result.stdout.decode()


@pytest.mark.skipif(shutil.which("localedef") is None, reason="no localedef")
@pytest.mark.parametrize("name", ["개 é.html", "\udcb0\udcb3.html", "plain.html"])
def test_arguments_are_utf_8_in_a_locale_of_another_encoding(tiny_model: Path, tmp_path: Path, name: str) -> None:
    """The sentence is understood, and the file has the bytes of the argument as its name, in UTF-8 or not."""
    made = subprocess.run(
        ["localedef", "-i", "ko_KR", "-f", "EUC-KR", tmp_path / "ko_KR.euckr"], capture_output=True, check=False
    )
    if made.returncode > 1:
        pytest.skip("this system has no EUC-KR")
    page = tmp_path / name
    words = ["explain", "-m", str(tiny_model), "나는 개 é", "--translation", "日本", "--html", str(page)]
    environment = {**os.environ, "LOCPATH": str(tmp_path), "LC_ALL": "ko_KR.euckr"}
    for words_ in (words, ["info", str(tiny_model)]):
        done = subprocess.run(
            [sys.executable, "-m", "nmt_cli", *words_], env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
    assert "나는 개 é" in page.read_text(encoding="utf-8")


def run(model: Path, *arguments: object, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command("--model", model, *FAST, *arguments), input=data, capture_output=True, check=False)


def test_files_and_standard_input_are_translated_one_after_the_other(tiny_model: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a.en", tmp_path / "b.en.gz"
    first.write_bytes(b"\xef\xbb\xbfold man\n\nthe dog")  # a byte order mark, and no line feed at the end
    second.write_bytes(gzip.compress(b"\xef\xbb\xbfdog runs\nold\n"))
    expected = run(tiny_model, data=b"old man\n\nthe dog\nthe man\ndog runs\nold\n").stdout
    assert run(tiny_model, first, "-", second, data=b"the man\n").stdout == expected
    out = tmp_path / "out"
    done = run(tiny_model, first, "-", second, "-o", out, data=b"the man\n")
    assert (done.stdout, out.read_bytes()) == (b"", expected)


def test_an_output_file_is_kept_unless_it_may_be_replaced(tiny_model: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    source.write_bytes(b"old man\n")
    out.write_text("precious")
    for arguments, message in (
        ((source, "-o", out), b"out: already exists; choose another --out, or use --overwrite"),
        ((source, "-o", out, "--overwrite", "--ensemble", tmp_path / "none"), b"none: no model here"),
        (
            (source, "-o", source, "--overwrite"),
            b"source: is read as source_files and written by --out;",
        ),
        ((tmp_path / "nothing", "-o", out, "--overwrite"), b"nothing: no such file"),
        ((source, "-o", out, "--receipt", out), b"out: is written by --out and by --receipt; give each its own"),
        ((tmp_path, "-o", tmp_path / "new"), b"is a folder"),
    ):
        failed = run(tiny_model, *arguments)
        assert failed.returncode == 1
        assert message in failed.stderr
        assert failed.stderr.count(b"\n") == 1
        assert (source.read_bytes(), out.read_text()) == (b"old man\n", "precious")
    assert not (tmp_path / "new").exists()
    assert run(tiny_model, source, "-o", out, "--overwrite").returncode == 0
    assert out.read_bytes() == run(tiny_model, data=b"old man\n").stdout


def test_empty_input_makes_an_empty_output_file(tiny_model: Path, tmp_path: Path) -> None:
    assert run(tiny_model, "-o", tmp_path / "out").returncode == 0
    assert (tmp_path / "out").read_bytes() == b""


@contextmanager
def kill_on_failure(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Kill a process that would wait for input forever, if the block fails."""
    try:
        yield
    except BaseException:
        process.kill()
        raise


@pytest.mark.parametrize("end", ["ctrl-d", "ctrl-c"])
def test_sentences_typed_at_a_terminal_are_answered(tiny_model: Path, end: str) -> None:
    main, terminal = pty.openpty()
    program = command("--model", tiny_model, "--beam-size", "2", "--max-length", "8", "--device", "cpu")
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with (
        subprocess.Popen(
            program,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=environment,
            preexec_fn=restore_default_sigint,
        ) as process,
        kill_on_failure(process),
    ):
        os.close(terminal)
        decoder = codecs.getincrementaldecoder("utf-8")()  # a read may end within a character

        def read_until(text: str) -> str:
            output = ""
            while text not in output:
                output += decoder.decode(os.read(main, 1 << 16))
            return output

        def answer(line: str) -> str:
            os.write(main, f"{line}\n".encode())
            return read_until("en> ")

        assert ":n other translations" in read_until("en> ")
        assert "type a sentence first" in answer(":n")
        assert "confidence 0." in answer("old man")
        alternatives = answer(":n").replace("\r", "").split("\n")
        assert len([line for line in alternatives if re.search(r"-\d+\.\d{3}", line)]) == 2
        assert "Least certain steps" in answer(":why")
        assert ":why how" in answer(":what")
        assert "confidence" not in answer(" ")
        if end == "ctrl-d":
            os.write(main, b"\x04")
        else:
            time.sleep(0.5)  # until readline, which prints the prompt first, waits for input
            process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    os.close(main)


@pytest.mark.parametrize(("option", "name"), [("--receipt", "r"), ("--alignment", "a"), ("--attention", "m.html")])
def test_side_files_are_kept_unless_they_may_be_replaced(
    tiny_model: Path, tmp_path: Path, option: str, name: str
) -> None:
    path = tmp_path / name
    path.write_text("precious")
    refused = run(tiny_model, option, path, data=b"\n")
    assert (refused.returncode, path.read_text()) == (1, "precious")
    assert f"{path}: already exists; choose another {option}, or use --overwrite" in refused.stderr.decode()
    assert run(tiny_model, option, path, "--overwrite", data=b"\n").returncode == 0
    assert path.read_text() != "precious"


def test_a_page_of_nmt_is_replaced_without_being_asked(tiny_model: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    explain = [sys.executable, "-m", "nmt_cli", "explain", "-m", str(tiny_model), "a dog", "--html", str(page)]
    assert run(tiny_model, "--attention", page, data=b"a dog\n").returncode == 0
    assert run(tiny_model, "--attention", page, data=b"a dog\n").returncode == 0
    subprocess.run(explain, check=True, capture_output=True)
    subprocess.run(explain, check=True, capture_output=True)
    page.write_text("precious")
    refused = subprocess.run(explain, check=False, capture_output=True, text=True)
    assert (refused.returncode, page.read_text()) == (1, "precious")
    assert "is not a page of nmt; choose another --html, or use --overwrite" in refused.stderr
    subprocess.run([*explain, "--overwrite"], check=True, capture_output=True)
    assert page.read_text() != "precious"
