"""What Confluence and Jira have in common: one site, asked within its limits, with its refusals told in words."""
