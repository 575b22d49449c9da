"""One file per command: parse options, call one typed function, print."""
