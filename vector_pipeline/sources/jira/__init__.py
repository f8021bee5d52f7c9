"""Jira as a source, Cloud and Data Center: a project is a partition, an issue or an attachment a document."""
