"""`python -m vector_pipeline` is the command line."""

from vector_pipeline.cli import main

if __name__ == "__main__":
    main()
