"""Sentences as numbers, and batches of sentences of about one length."""

import bisect
import random

import numpy

from minpy import nd
from minpy.io import DataBatch, DataDesc, DataIter

__all__ = ["BucketSentenceIter", "encode_sentences"]


def encode_sentences(
    sentences, vocab=None, invalid_label=-1, invalid_key="\n", start_label=0, unknown_token=None
):
    """Sentences of words as lists of numbers.

    Parameters
    ----------
    sentences : list of list of str
    vocab : dict from str to int
        Numbers of words; None: they are made.
    invalid_label, invalid_key : int, str
        A number that no word gets, and what has it in a new vocabulary.
    start_label : int
        The first number.
    unknown_token : str
        What counts for words that are not in the vocabulary.

    Returns
    -------
    list of list of int
    dict from str to int
        The vocabulary.
    """
    made = vocab is None
    vocab = {invalid_key: invalid_label} if made else vocab
    number = start_label
    found = []
    for sentence in sentences:
        coded = []
        for word in sentence:
            if word not in vocab:
                assert made or unknown_token, f"Unknown token {word}"
                number += number == invalid_label
                word = unknown_token or word
                vocab[word] = number
                number += 1
            coded.append(vocab[word])
        found.append(coded)
    return found, vocab


class BucketSentenceIter(DataIter):
    """Batches of sentences that are filled up to the length of their bucket; labels are the next words.

    Parameters
    ----------
    sentences : list of list of int
    batch_size : int
    buckets : list of int
        Lengths; None: those that a batch's number of sentences have.
    invalid_label : int
        What fills up.
    data_name, label_name : str
    dtype : str
    layout : {'NT', 'TN'}
    """

    def __init__(self, sentences, batch_size, buckets=None, invalid_label=-1, data_name="data",
                 label_name="softmax_label", dtype="float32", layout="NT"):  # fmt: skip
        super().__init__(batch_size)
        if layout not in ("NT", "TN"):
            raise ValueError(f"Invalid layout {layout}: Must by NT (batch major) or TN (time major)")
        counts = numpy.bincount([len(s) for s in sentences])
        buckets = sorted(buckets or [int(n) for n in numpy.flatnonzero(counts >= batch_size)])
        rows = [[] for _ in (*buckets, None)]
        for sentence in sentences:
            rows[bisect.bisect_left(buckets, len(sentence))].append(sentence)
        print(f"WARNING: discarded {len(rows.pop())} sentences longer than the largest bucket.")
        self.buckets = [n for n, group in zip(buckets, rows) if group]
        self.data = []
        for length, group in zip(self.buckets, filter(None, rows)):
            filled = numpy.full((len(group), length), invalid_label, dtype)
            for row, sentence in zip(filled, group):
                row[: len(sentence)] = sentence
            self.data.append(filled)
        self.data_name, self.label_name = data_name, label_name
        self.dtype, self.invalid_label, self.layout = dtype, invalid_label, layout
        self.major_axis = layout.find("N")
        self.default_bucket_key = max(self.buckets)
        shape = (batch_size, self.default_bucket_key)[:: -1 if self.major_axis else 1]
        self.provide_data = [DataDesc(data_name, shape, layout=layout)]
        self.provide_label = [DataDesc(label_name, shape, layout=layout)]
        self.idx = [
            (i, j)
            for i, group in enumerate(self.data)
            for j in range(0, len(group) - batch_size + 1, batch_size)
        ]
        self.curr_idx = 0
        self.reset()

    def reset(self):
        self.curr_idx = 0
        random.shuffle(self.idx)
        self.nddata, self.ndlabel = [], []
        for group in self.data:
            numpy.random.shuffle(group)
            label = numpy.full_like(group, self.invalid_label)
            label[:, :-1] = group[:, 1:]
            self.nddata.append(nd.array(group, dtype=self.dtype))
            self.ndlabel.append(nd.array(label, dtype=self.dtype))

    def next(self):
        if self.curr_idx == len(self.idx):
            raise StopIteration
        i, j = self.idx[self.curr_idx]
        self.curr_idx += 1
        data, label = (source[i][j : j + self.batch_size] for source in (self.nddata, self.ndlabel))
        if self.major_axis == 1:
            data, label = data.T, label.T
        return DataBatch(
            [data],
            [label],
            pad=0,
            bucket_key=self.buckets[i],
            provide_data=[DataDesc(self.data_name, data.shape, layout=self.layout)],
            provide_label=[DataDesc(self.label_name, label.shape, layout=self.layout)],
        )
