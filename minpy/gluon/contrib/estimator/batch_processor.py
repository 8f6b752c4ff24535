"""What an Estimator does with one batch; subclasses may do something else."""

from minpy import autograd
from minpy.gluon.utils import split_and_load

__all__ = ["BatchProcessor"]


class BatchProcessor:
    """Runs the network and its loss on batches of data and labels."""

    def _get_data_and_label(self, batch, ctx, batch_axis=0):
        """The data and the labels of a batch, each split over the contexts."""
        data, label = (split_and_load(part, ctx_list=ctx, batch_axis=batch_axis) for part in batch[:2])
        return data, label

    def evaluate_batch(self, estimator, val_batch, batch_axis=0):
        """Predicts one batch.

        Parameters
        ----------
        estimator : Estimator
            Whose ``val_net`` and ``val_loss`` are used.
        val_batch : tuple
            Data and labels.
        batch_axis : int
            The axis along which the batch is split over contexts.

        Returns
        -------
        data, label, pred, loss : lists with an array for each context
        """
        data, label = self._get_data_and_label(val_batch, estimator.context, batch_axis)
        pred = [estimator.val_net(x) for x in data]
        loss = [estimator.val_loss(p, y) for p, y in zip(pred, label)]
        return data, label, pred, loss

    def fit_batch(self, estimator, train_batch, batch_axis=0):
        """Runs one batch forward and backward; the parameters are updated by a handler.

        Parameters
        ----------
        estimator : Estimator
            Whose ``net`` and ``loss`` are used.
        train_batch : tuple
            Data and labels.
        batch_axis : int
            The axis along which the batch is split over contexts.

        Returns
        -------
        data, label, pred, loss : lists with an array for each context
        """
        data, label = self._get_data_and_label(train_batch, estimator.context, batch_axis)
        with autograd.record():
            pred = [estimator.net(x) for x in data]
            loss = [estimator.loss(p, y) for p, y in zip(pred, label)]
        for value in loss:
            value.backward()
        return data, label, pred, loss
