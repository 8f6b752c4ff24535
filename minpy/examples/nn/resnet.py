"""A residual network from modules, with a training loop of its own: python -m minpy.examples.nn.resnet."""

import minpy.numpy as np
from minpy.examples.nn import _data
from minpy.nn.model_builder import Model, Sequential, Updater
from minpy.nn.modules import BatchFlatten, BatchNorm, BatchReshape, Convolution, FullyConnected, Pooling, ReLU


def convolution(filters, kernel=3, stride=1):
    """Batch normalization, ReLU and a convolution."""
    pad = kernel // 2
    return Sequential(
        BatchNorm(fix_gamma=False),
        ReLU(),
        Convolution(
            num_filter=filters, kernel=(kernel, kernel), stride=(stride, stride), pad=(pad, pad), no_bias=True
        ),
    )


class ResNet(Model):
    """Stages of residual blocks; from stage to stage the images shrink by half.

    Parameters
    ----------
    blocks : int
        In each stage.
    filters : sequence of int
        Of each stage.
    image : tuple of int
        Channels, height and width.
    classes : int
    """

    def __init__(self, blocks=1, filters=(8, 16), image=(1, 28, 28), classes=10):
        super().__init__(loss="softmax_loss")
        self._input = Sequential(
            BatchReshape(image),
            Convolution(num_filter=filters[0], kernel=(3, 3), pad=(1, 1), no_bias=True),
        )
        self._shrinking = [
            Sequential(convolution(f, stride=2), convolution(f)) + convolution(f, kernel=1, stride=2)
            for f in filters[1:]
        ]
        self._residual = [
            [Sequential(convolution(f), convolution(f)) for _ in range(blocks)] for f in filters
        ]
        self._scores = Sequential(
            BatchNorm(fix_gamma=False),
            ReLU(),
            Pooling(global_pool=True, pool_type="avg", kernel=(1, 1)),
            BatchFlatten(),
            FullyConnected(num_hidden=classes),
        )

    def forward(self, data, mode="training"):
        """Class scores."""
        if mode == "training":
            self.training()
        else:
            self.inference()
        data = self._input(data)
        for stage, residual in enumerate(self._residual):
            if stage:
                data = self._shrinking[stage - 1](data)
            for block in residual:
                data = data + block(data)
        return self._scores(data)


def accuracy(model, batches):
    """The share of samples of the iterator for which the label has the highest score."""
    batches.reset()
    right = total = 0
    for batch in batches:
        kept = batches.batch_size - batch.pad
        best = np.argmax(model.forward(batch.data[0], "inference"), axis=1)
        right += int(np.sum(best[:kept] == batch.label[0][:kept]))
        total += kept
    return right / total


def train(model, train_iter, test_iter, epochs=2, learning_rate=0.05, verbose=True):
    """Train the model and return the accuracy on the test data after each epoch."""
    updater = Updater(model, update_rule="sgd_momentum", learning_rate=learning_rate, momentum=0.9)
    found = []
    for epoch in range(epochs):
        train_iter.reset()
        for batch in train_iter:
            loss = model(batch.data[0], labels=batch.label[0])
            updater(model.backward())
        found.append(accuracy(model, test_iter))
        if verbose:
            print(f"epoch {epoch + 1}: loss {float(loss):.4f}, accuracy {found[-1]:.4f}")
    return found


if __name__ == "__main__":
    train(ResNet(), *_data.digits(batch_size=50))
