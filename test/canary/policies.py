"""policies.py
		The policies of the attacked database.
"""


def apply(root):
    raise NotImplementedError
