"""`python -m ai_worker`, the same as the command `ai-worker`."""

from ai_worker.cli.main import main

if __name__ == "__main__":
    main()
