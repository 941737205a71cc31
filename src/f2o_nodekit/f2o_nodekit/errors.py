"""The root of every error a user of f2o can cause or meet."""


class F2oError(Exception):
    """A mistake or failure that one sentence explains: what, where, and what was expected.

    Each package derives its own base from this one. The command line and the node shells print the
    text alone and exit with status 2; anything that is not an ``F2oError`` is a bug and shows its traceback.
    """
