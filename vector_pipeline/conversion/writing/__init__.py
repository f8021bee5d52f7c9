"""From blocks to markdown: what pages of the web, Confluence and Jira have in common once they are read.

A reader drives the `Builder`, which gathers blocks; the writer turns them into markdown. No word is lost on the way.
"""
