"""`nmt pack`."""

from nmt_cli.cli.messages import terminal_progress
from nmt_cli.cli.options import command
from nmt_cli.config import PackConfig
from nmt_cli.terminal import say_error


@command(PackConfig)
def run(config: PackConfig) -> None:
    """Write a copy of a model to give away, as a folder or a zip file: all that is needed to translate.

    It holds no training state, no text of the corpus and no paths of this machine. Its card, README.md, has an example,
    the licence, and the scores on the test split if the corpus is still there.
    """
    from nmt_cli.api.pack import pack

    size = pack(config, terminal_progress())
    say_error(f"{config.out}: {size / 2**20:.1f} MiB")
