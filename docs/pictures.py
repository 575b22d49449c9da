"""Makes the pictures of the documentation from real runs: python docs/pictures.py MODEL PREPARED -- TRAINING OPTIONS.

`make docs` calls it with the model of `make demo`. It needs tmux.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from notebook import run_notebook, write_notebook
from terminal import Terminal, draw

DOCS = Path(__file__).parent
IMAGES = DOCS / "images"
NOTEBOOK = DOCS / "attention.ipynb"
COLUMNS, ROWS = 100, 30
SENTENCE = "The teacher reads a book at the library."
TYPED = (SENTENCE, "When the phone rang, Minsu was reading a newspaper.", "Do you often play soccer in the park?")
"""Sentences of the translate session."""
PROMPT = "en>"
TRAINING_SECONDS = 600.0
ANSWER_SECONDS = 60.0


def main() -> None:
    """Write the pictures and the outputs of the notebook."""
    parser = argparse.ArgumentParser(description="Make the pictures of the documentation.")
    parser.add_argument("model", type=Path, help="model of the bundled sample")
    parser.add_argument("prepared", type=Path, help="corpus that it was trained on")
    parser.add_argument("training", nargs="*", help="options of the training run that is recorded")
    options = parser.parse_args()
    IMAGES.mkdir(exist_ok=True)
    draw_attention(options.model)
    record_translation(options.model)
    record_training(options.prepared, options.model.with_name("recorded"), options.training)
    write_notebook(run_notebook(NOTEBOOK), NOTEBOOK)
    for path in [*sorted(IMAGES.iterdir()), NOTEBOOK]:
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


def nmt(*arguments: str | Path) -> list[str]:
    """The program as this Python runs it."""
    return [sys.executable, "-m", "nmt_cli", *map(str, arguments)]


def draw_attention(model: Path) -> None:
    """The attention of one sentence as a matrix of words, in colours for light and dark pages."""
    command = nmt("translate", "--model", model, "--attention", IMAGES / "attention.svg", "--overwrite")
    subprocess.run(command, input=SENTENCE, text=True, check=True, stdout=subprocess.DEVNULL)


def record_translation(model: Path) -> None:
    """A session at the prompt of `nmt translate`."""
    with Terminal(nmt("translate", "--model", model), COLUMNS, ROWS) as terminal:
        screen = terminal.wait_for(PROMPT, ANSWER_SECONDS)
        for number, line in enumerate((*TYPED, ":n"), start=2):
            terminal.type(line)
            screen = terminal.wait_for(PROMPT, ANSWER_SECONDS, number)
    (IMAGES / "translate.svg").write_text(draw(screen, "nmt translate", COLUMNS), encoding="utf-8")


def record_training(prepared: Path, out: Path, training: list[str]) -> None:
    """The screen of a training run, near its end and after it."""
    shutil.rmtree(out, ignore_errors=True)  # of an earlier recording
    command = nmt("train", prepared, "--out", out, *training)
    with Terminal(command, COLUMNS, ROWS) as terminal:
        screens = list(terminal.screens("Next:", TRAINING_SECONDS))
    running = [screen for screen in screens if "tokens/s" in screen and " left" in screen]
    for name, screen in (("train", running[-1]), ("trained", screens[-1])):
        (IMAGES / f"{name}.svg").write_text(draw(screen, "nmt train", COLUMNS), encoding="utf-8")


if __name__ == "__main__":
    main()
