"""Neural scaling laws of hierarchical languages: grammars, exact theory, training packs, fits.

The rooms, from the ground up (a room imports only rooms below it): ``provenance``, ``grammar``,
``tasks``, ``sampling``, ``inference``, ``theory``, ``models``, ``training``, ``curves``,
``fitting``, ``figures``. ``config`` and ``cells`` define a study; ``stages`` reads and writes the
files; ``cli`` is the command line that the workflow's rules call; ``results`` loads what was made.
"""
