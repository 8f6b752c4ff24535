"""Makes the files pytorch_*.onnx and what the models gave, with PyTorch 2.13 and onnx: run in this folder."""

import numpy
import torch
from torch import nn
from torch.nn import functional


class Images(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 8, 3, padding=1, stride=2), nn.BatchNorm2d(8)
        self.transposed = nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1)
        self.groups, self.dense = nn.GroupNorm(2, 4), nn.Linear(4, 5)

    def forward(self, x):
        x = functional.silu(self.norm(self.convolution(x)))
        x = functional.avg_pool2d(self.transposed(x), 3, 2, 1, ceil_mode=True)
        x = functional.interpolate(functional.hardswish(self.groups(x)), scale_factor=2)
        x = functional.interpolate(x, size=(9, 7), mode="bilinear", align_corners=True)
        return self.dense(x.mean((2, 3)))


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.layers = kind(5, 6, **options)
        self.dense = nn.Linear(12 if options.get("bidirectional") else 6, 3)

    def forward(self, x):
        return self.dense(self.layers(x)[0])


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(20, 8), nn.Parameter(torch.randn(7, 8))
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
        self.dense = nn.Linear(8, 20)

    def forward(self, words):
        return self.dense(self.layer(self.words(words) + self.places)).log_softmax(-1)


class Arrays(nn.Module):
    def forward(self, x):
        a, b = x.chunk(2, 1)
        y = torch.cat([a * b, torch.where(a > 0, a, b)], 1).permute(0, 2, 1).reshape(x.shape[0], -1, 2)
        parts = y[:, 1:-1].cumsum(1), y.norm(dim=1), y.topk(2, dim=1)[0], torch.clamp(y, min=0).sqrt()
        return (
            *parts,
            functional.pad(y, (1, 1)),
            y.transpose(1, 2),
            y.std(1),
            functional.elu(y).flatten(1).softmax(0),
        )


def main():
    torch.manual_seed(0)
    shuffled = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding="same"), nn.PixelShuffle(2), nn.PReLU(2), nn.AdaptiveAvgPool2d((2, 4))
    )
    steps = torch.randn(7, 2, 5)
    models = {
        "images": (Images(), torch.randn(2, 3, 16, 12)),
        "lstm": (Recurrent(nn.LSTM, num_layers=2, bidirectional=True), steps),
        "gru": (Recurrent(nn.GRU, batch_first=True), torch.randn(2, 7, 5)),
        "rnn": (Recurrent(nn.RNN, nonlinearity="relu"), steps),
        "transformer": (Transformer(), torch.randint(0, 20, (3, 7))),
        "arrays": (Arrays(), torch.randn(2, 4, 6)),
        "shuffled": (shuffled, torch.randn(1, 3, 8, 8)),
    }
    for name, (model, given) in models.items():
        model.eval()
        torch.onnx.export(model, (given,), f"pytorch_{name}.onnx", opset_version=17, dynamo=False)
        with torch.no_grad():
            outputs = model(given)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        numpy.savez(
            f"pytorch_{name}.npz",
            i0=given.numpy(),
            **{f"o{i}": value.numpy() for i, value in enumerate(outputs)},
        )


if __name__ == "__main__":
    main()
