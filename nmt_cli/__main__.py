"""`python -m nmt_cli` is the same program as `nmt`."""

from nmt_cli.cli.app import main
from nmt_cli.startup import fast_exit
from nmt_cli.utf8_mode import ensure_utf8_mode


def program() -> None:
    """Run the CLI on the arguments of the process, in UTF-8 mode, then exit."""
    ensure_utf8_mode()
    try:
        main()
    except SystemExit as error:
        status = error.code or 0
        if isinstance(status, int):
            fast_exit(status)
        raise


if __name__ == "__main__":
    program()
