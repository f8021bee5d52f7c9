"""vector_pipeline keeps a Qdrant collection exactly in step with the sources it is built from."""

__version__ = "0.1.0"
