"""Vocabulary: numbers of tokens."""

import collections

__all__ = ["Vocabulary"]

UNKNOWN = 0  # the number of the unknown token


class Vocabulary:
    """Numbers of tokens: 0 is the unknown token, reserved ones follow, then the others from the most frequent on.

    Parameters
    ----------
    counter : collections.Counter
        How often tokens occur; of equally frequent ones the smaller comes first.
    most_freq_count : int
        How many of its tokens to take at most; None: all.
    min_freq : int
        How often a token must occur.
    unknown_token : hashable
        What stands for all others.
    reserved_tokens : list of hashable

    Attributes
    ----------
    token_to_idx : dict
    idx_to_token : list
    unknown_token : hashable
    reserved_tokens : list or None
    """

    def __init__(
        self, counter=None, most_freq_count=None, min_freq=1, unknown_token="<unk>", reserved_tokens=None
    ):
        assert min_freq > 0, "`min_freq` must be set to a positive value."
        reserved = list(reserved_tokens or ())
        assert unknown_token not in reserved, "`reserved_token` cannot contain `unknown_token`."
        assert len(set(reserved)) == len(reserved), (
            "`reserved_tokens` cannot contain duplicate reserved tokens."
        )
        self._unknown_token = unknown_token
        self._reserved_tokens = None if reserved_tokens is None else reserved
        self._idx_to_token = [unknown_token, *reserved]
        if counter is not None:
            self._idx_to_token += self._frequent(counter, most_freq_count, min_freq)
        self._token_to_idx = {token: i for i, token in enumerate(self._idx_to_token)}

    def _frequent(self, counter, most, least):
        assert isinstance(counter, collections.Counter), (
            "`counter` must be an instance of collections.Counter."
        )
        known = set(self._idx_to_token)
        found = [
            token for token in sorted(counter, key=lambda t: (-counter[t], t)) if counter[token] >= least
        ]
        return [token for token in found if token not in known][:most]

    def __len__(self):
        return len(self.idx_to_token)

    @property
    def token_to_idx(self):
        """Numbers by token."""
        return self._token_to_idx

    @property
    def idx_to_token(self):
        """Tokens by number."""
        return self._idx_to_token

    @property
    def unknown_token(self):
        """What stands for tokens without a number."""
        return self._unknown_token

    @property
    def reserved_tokens(self):
        """Tokens that were asked for; None: none."""
        return self._reserved_tokens

    def to_indices(self, tokens):
        """The number of a token, or a list of them for a list; 0 for those that are unknown."""
        if not isinstance(tokens, list):
            return self.token_to_idx.get(tokens, UNKNOWN)
        return [self.token_to_idx.get(token, UNKNOWN) for token in tokens]

    def to_tokens(self, indices):
        """The token of a number, or a list of them for a list; ValueError for numbers that there are not."""
        several = isinstance(indices, list)
        for i in indices if several else [indices]:
            if not isinstance(i, int) or i >= len(self.idx_to_token):
                raise ValueError(f"Token index {i} in the provided `indices` is invalid.")
        return [self.idx_to_token[i] for i in indices] if several else self.idx_to_token[indices]
