"""Confluence, Cloud and Data Center: the pages, blog posts, comments and attachments of one space."""
