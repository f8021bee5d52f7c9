"""The history of the state store's schema; run by `vector_pipeline.state.migrate`."""
