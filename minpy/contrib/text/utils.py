"""Counting words."""

import collections
import re

__all__ = ["count_tokens_from_str"]


def count_tokens_from_str(
    source_str, token_delim=" ", seq_delim="\n", to_lower=False, counter_to_update=None
):
    r"""How often each token occurs in a text.

    Parameters
    ----------
    source_str : str
    token_delim, seq_delim : str
        What is between tokens and between sequences; regular expressions.
    to_lower : bool
        Lower case.
    counter_to_update : collections.Counter
        Gets the counts in addition.

    Returns
    -------
    collections.Counter

    Examples
    --------
    >>> count_tokens_from_str(" Life is great ! \n life is good . \n", to_lower=True)["life"]
    2
    """
    tokens = [token for token in re.split(f"{token_delim}|{seq_delim}", source_str) if token]
    counter = collections.Counter() if counter_to_update is None else counter_to_update
    counter.update(token.lower() for token in tokens) if to_lower else counter.update(tokens)
    return counter
