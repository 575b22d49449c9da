"""`python -m nmt_cli` is the same program as `nmt`."""

from nmt_cli.cli.app import main

if __name__ == "__main__":
    main()
