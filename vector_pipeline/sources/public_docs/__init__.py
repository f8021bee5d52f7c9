"""Public documentation sites: visited politely, kept as a mirror, listed by what their pages say."""
