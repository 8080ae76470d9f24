"""``up``, ``down``, ``save`` and ``strip``: what `wg-quick` does, each step undone if one fails.

`commands` reads the command line; `up`, `down` and `save` are the three that act; `survey` looks at
the host, `work` does and undoes a step, `execution` keeps the journal while steps are done.
"""
