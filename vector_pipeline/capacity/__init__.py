"""How much memory and processor time a run takes, and how it keeps below its ceilings."""
