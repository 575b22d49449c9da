"""`python -m nmt_cli` is the same program as `nmt`."""

from nmt_cli.cli.app import main
from nmt_cli.startup import exit_at_once


def program() -> None:
    """Run the program on the arguments of the process, and end the process."""
    try:
        main()
    except SystemExit as leaving:
        status = leaving.code or 0
        if isinstance(status, int):
            exit_at_once(status)
        raise


if __name__ == "__main__":
    program()
