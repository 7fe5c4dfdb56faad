"""`python -m streamproc` and the `streamproc` command."""

from streamproc.cli.group import main

if __name__ == "__main__":
    main()
