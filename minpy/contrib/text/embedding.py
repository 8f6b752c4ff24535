"""Vectors of tokens, from files of ``token number number ...`` lines such as those of GloVe and fastText."""

import logging
import os
import warnings

import numpy

from minpy import nd, registry
from minpy.base import data_dir
from minpy.contrib.text.vocab import UNKNOWN, Vocabulary

__all__ = [
    "CompositeEmbedding",
    "CustomEmbedding",
    "FastText",
    "GloVe",
    "create",
    "get_pretrained_file_names",
    "register",
]


class _TokenEmbedding(Vocabulary):
    """A vocabulary with a vector for each token.

    Attributes
    ----------
    vec_len : int
    idx_to_vec : NDArray
        The vectors by number.
    """

    pretrained_file_names = ()

    @property
    def vec_len(self):
        """The length of the vectors."""
        return self._vec_len

    @property
    def idx_to_vec(self):
        """The vectors by number of the token."""
        return self._idx_to_vec

    def _load_embedding(self, path, elem_delim, init_unknown_vec, encoding="utf8"):
        path = os.path.expanduser(path)
        if not os.path.isfile(path):
            raise ValueError(
                "`pretrained_file_path` must be a valid path to the pre-trained token embedding file."
            )
        logging.info("Loading pre-trained token embedding vectors from %s", path)
        vectors, unknown, seen = [], None, set()
        with open(path, encoding=encoding) as file:
            for number, line in enumerate(file, 1):
                token, *elements = line.rstrip().split(elem_delim)
                assert elements, (
                    f"At line {number} of the pre-trained text embedding file: the data format of the pre-trained token"
                    f" embedding file {path} is unexpected."
                )
                vector = numpy.array(elements, numpy.float32)
                if token == self.unknown_token and unknown is None:
                    unknown = vector
                elif token in seen:
                    warnings.warn(
                        f"At line {number} of the pre-trained token embedding file: the embedding vector for token {token}"
                        " has been loaded and a duplicate embedding for the  same token is seen and skipped.",
                        stacklevel=4,
                    )
                elif len(vector) == 1:
                    warnings.warn(
                        f"At line {number} of the pre-trained text embedding file: token {token} with 1-dimensional vector"
                        f" {vector.tolist()} is likely a header and is skipped.",
                        stacklevel=4,
                    )
                else:
                    assert not vectors or len(vector) == len(vectors[0]), (
                        f"At line {number} of the pre-trained token embedding file: the dimension of token {token} is"
                        f" {len(vector)} but the dimension of previous tokens is {len(vectors[0])}. Dimensions of all the"
                        " tokens must be the same."
                    )
                    vectors.append(vector)
                    self._idx_to_token.append(token)
                    self._token_to_idx[token] = len(self._idx_to_token) - 1
                seen.add(token)
        self._vec_len = len(vectors[0])
        rest = numpy.zeros((len(self._idx_to_token) - len(vectors), self._vec_len), numpy.float32)
        self._idx_to_vec = nd.array(numpy.concatenate([rest, numpy.stack(vectors)]))
        self._idx_to_vec[UNKNOWN] = (
            init_unknown_vec(shape=self._vec_len) if unknown is None else nd.array(unknown)
        )

    def _take_tokens(self, vocabulary):
        self._token_to_idx = dict(vocabulary.token_to_idx)
        self._idx_to_token = list(vocabulary.idx_to_token)
        self._unknown_token = vocabulary.unknown_token
        reserved = vocabulary.reserved_tokens
        self._reserved_tokens = None if reserved is None else list(reserved)

    def _take_vectors(self, embeddings, tokens):
        """Vectors of the tokens, those of several embeddings one behind the other."""
        parts = []
        for one in embeddings:
            first = one.idx_to_vec[0:1]
            parts.append(
                nd.concat(first, one.get_vecs_by_tokens(tokens[1:]), dim=0) if len(tokens) > 1 else first
            )
        self._idx_to_vec = nd.concat(*parts, dim=1)
        self._vec_len = self._idx_to_vec.shape[1]

    def _restrict_to(self, vocabulary):
        if vocabulary is not None:
            assert isinstance(vocabulary, Vocabulary), (
                "The argument `vocabulary` must be an instance of mxnet.contrib.text.vocab.Vocabulary."
            )
            self._take_vectors([self], vocabulary.idx_to_token)
            self._take_tokens(vocabulary)

    def get_vecs_by_tokens(self, tokens, lower_case_backup=False):
        """The vector of a token, or a row for each of a list.

        Parameters
        ----------
        tokens : hashable or list of hashable
            Unknown ones have the vector of the unknown token.
        lower_case_backup : bool
            Look for tokens in lower case when they are not there as they are.

        Returns
        -------
        NDArray
        """
        several = isinstance(tokens, list)
        known = self.token_to_idx
        numbers = [
            known.get(t, known.get(t.lower(), UNKNOWN) if lower_case_backup else UNKNOWN)
            for t in (tokens if several else [tokens])
        ]
        found = nd.take(self.idx_to_vec, nd.array(numbers, dtype="int64"))
        return found if several else found[0]

    def update_token_vectors(self, tokens, new_vectors):
        """Set the vectors of tokens.

        Parameters
        ----------
        tokens : hashable or list of hashable
        new_vectors : NDArray
            A row for each; for a single token it may be a vector.

        Raises
        ------
        ValueError
            For a token that is not there.
        """
        tokens = tokens if isinstance(tokens, list) else [tokens]
        single = len(tokens) == 1
        assert isinstance(new_vectors, nd.NDArray) and new_vectors.ndim in ((1, 2) if single else (2,)), (
            "`new_vectors` must be a 1-D or 2-D NDArray if `tokens` is a singleton."
            if single
            else "`new_vectors` must be a 2-D NDArray if `tokens` is a list of multiple strings."
        )
        rows = new_vectors.reshape((1, -1)) if new_vectors.ndim == 1 else new_vectors
        assert rows.shape == (len(tokens), self.vec_len), (
            "The length of new_vectors must be equal to the number of tokens and the width ofnew_vectors must be equal to"
            " the dimension of embeddings of the glossary."
        )
        for token in tokens:
            if token not in self.token_to_idx:
                raise ValueError(
                    f"Token {token} is unknown. To update the embedding vector for an unknown token, please specify it"
                    f" explicitly as the `unknown_token` {self.idx_to_token[UNKNOWN]} in `tokens`. This is to avoid"
                    " unintended updates."
                )
        self._idx_to_vec[nd.array([self.token_to_idx[t] for t in tokens], dtype="int64")] = rows


def register(embedding_cls):
    """Give an embedding class a name that `create` knows: its own, in lower case."""
    return registry.get_register_func(_TokenEmbedding, "token embedding")(embedding_cls)


def create(embedding_name, **kwargs):
    """An embedding by the name of its class, such as 'glove'."""
    return registry.get_create_func(_TokenEmbedding, "token embedding")(embedding_name, **kwargs)


def get_pretrained_file_names(embedding_name=None):
    """The names of the files of an embedding, or of all of them by its name."""
    known = registry.get_registry(_TokenEmbedding)
    if embedding_name is None:
        return {name: list(cls.pretrained_file_names) for name, cls in known.items()}
    if embedding_name not in known:
        raise KeyError(
            f"Cannot find `embedding_name` {embedding_name}. Use"
            " `get_pretrained_file_names(embedding_name=None).keys()` to get all the valid embedding names."
        )
    return list(known[embedding_name].pretrained_file_names)


class _FileEmbedding(_TokenEmbedding):
    """An embedding from a file with a known name, which lies in `embedding_root`/NAME."""

    def __init__(self, pretrained_file_name, embedding_root, init_unknown_vec, vocabulary, **kwargs):
        kind = type(self).__name__.lower()
        if pretrained_file_name not in self.pretrained_file_names:
            raise KeyError(
                f"Cannot find pretrained file {pretrained_file_name} for token embedding {kind}. Valid pretrained files for"
                f" embedding {kind}: {', '.join(self.pretrained_file_names)}"
            )
        super().__init__(**kwargs)
        root = os.path.join(data_dir(), "embeddings") if embedding_root is None else embedding_root
        path = os.path.join(os.path.expanduser(root), kind, pretrained_file_name)
        if not os.path.exists(path):
            raise FileNotFoundError(f"{path} does not exist: get it from {self._source} and unpack it there")
        self._load_embedding(path, " ", init_unknown_vec)
        self._restrict_to(vocabulary)


@register
class GloVe(_FileEmbedding):
    """Vectors of GloVe.

    Parameters
    ----------
    pretrained_file_name : str
        One of `get_pretrained_file_names("glove")`.
    embedding_root : str
        The file is looked for in its folder `glove`; by default that of MXNet.
    init_unknown_vec : callable
        Makes the vector of the unknown token from its `shape`.
    vocabulary : Vocabulary
        Take the vectors of its tokens only.
    **kwargs
        See Vocabulary.

    Raises
    ------
    FileNotFoundError
        When the file is not there; it says where to get it.
    """

    _source = "https://nlp.stanford.edu/projects/glove/"
    pretrained_file_names = (
        "glove.42B.300d.txt",
        *(f"glove.6B.{n}d.txt" for n in (50, 100, 200, 300)),
        "glove.840B.300d.txt",
        *(f"glove.twitter.27B.{n}d.txt" for n in (25, 50, 100, 200)),
    )

    def __init__(self, pretrained_file_name="glove.840B.300d.txt", embedding_root=None, init_unknown_vec=nd.zeros,
                 vocabulary=None, **kwargs):  # fmt: skip
        super().__init__(pretrained_file_name, embedding_root, init_unknown_vec, vocabulary, **kwargs)


@register
class FastText(_FileEmbedding):
    """Vectors of fastText; parameters as of GloVe, in the folder `fasttext`."""

    _source = "https://fasttext.cc/docs/en/pretrained-vectors.html"
    pretrained_file_names = ("crawl-300d-2M.vec", "wiki.simple.vec", "wiki.en.vec", "wiki.zh.vec", "wiki.de.vec",
                             "wiki.fr.vec", "wiki.es.vec", "wiki.ja.vec", "wiki.ru.vec", "wiki.it.vec")  # fmt: skip

    def __init__(self, pretrained_file_name="wiki.simple.vec", embedding_root=None, init_unknown_vec=nd.zeros,
                 vocabulary=None, **kwargs):  # fmt: skip
        super().__init__(pretrained_file_name, embedding_root, init_unknown_vec, vocabulary, **kwargs)


class CustomEmbedding(_TokenEmbedding):
    """Vectors of a file of one's own.

    Parameters
    ----------
    pretrained_file_path : str
        Lines of a token and its numbers.
    elem_delim : str
        What is between them.
    encoding : str
    init_unknown_vec, vocabulary, **kwargs
        See GloVe.
    """

    def __init__(self, pretrained_file_path, elem_delim=" ", encoding="utf8", init_unknown_vec=nd.zeros,
                 vocabulary=None, **kwargs):  # fmt: skip
        super().__init__(**kwargs)
        self._load_embedding(pretrained_file_path, elem_delim, init_unknown_vec, encoding)
        self._restrict_to(vocabulary)


class CompositeEmbedding(_TokenEmbedding):
    """The tokens of a vocabulary, with the vectors of several embeddings one behind the other.

    Parameters
    ----------
    vocabulary : Vocabulary
    token_embeddings : embedding or list of them
    """

    def __init__(self, vocabulary, token_embeddings):
        assert isinstance(vocabulary, Vocabulary), (
            "The argument `vocabulary` must be an instance of mxnet.contrib.text.indexer.Vocabulary."
        )
        embeddings = token_embeddings if isinstance(token_embeddings, list) else [token_embeddings]
        for one in embeddings:
            assert isinstance(one, _TokenEmbedding), (
                "The argument `token_embeddings` must be an instance or a list of instances of"
                " `mxnet.contrib.text.embedding.TextEmbedding` whose embedding vectors will beloaded or"
                " concatenated-then-loaded to map to the indexed tokens."
            )
        self._take_tokens(vocabulary)
        self._take_vectors(embeddings, self.idx_to_token)
