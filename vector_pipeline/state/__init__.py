"""What the pipeline remembers between runs: SQLite by default, PostgreSQL by URL.

The one idea: every row belongs to a stage's result, so a stage finds its work by comparing, never from a list that
could be lost.
"""
