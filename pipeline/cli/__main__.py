"""The command line without its console script: `python -m pipeline.cli`, as in the suite's image."""

from __future__ import annotations

from pipeline.cli import main

if __name__ == "__main__":
    main()
