"""ImageDetIter: batches of images with the boxes of the objects in them."""

import logging

import numpy

from minpy.image import _iter
from minpy.image._detection import CreateDetAugmenter
from minpy.io import DataDesc

__all__ = ["ImageDetIter"]

_MEAN = numpy.array([123.68, 116.28, 103.53])
_STD = numpy.array([58.395, 57.12, 57.375])


class ImageDetIter(_iter.ImageIter):
    """Batches of images, and for each image a row ``class, left, top, right, bottom, ...`` for every object.

    The labels of a file are ``n, k, ...``, n numbers in all, and then k numbers for each object; n is at least 2, k at
    least 5, and places count from 0 to 1. Images without a box that has an area are left out. Rows of -1 fill what an
    image has fewer objects than another.

    Parameters
    ----------
    batch_size : int
    data_shape : tuple of int
        Channels (3), height and width.
    path_imgrec, path_imglist, path_root, path_imgidx, shuffle, part_index, num_parts, imglist
        Where images come from, see ImageIter.
    aug_list : list of DetAugmenter
        By default what CreateDetAugmenter makes of `kwargs`.
    data_name, label_name : str
    last_batch_handle : {'pad', 'discard', 'roll_over'}
        See ImageIter.

    Attributes
    ----------
    label_shape : tuple of int
        The largest number of objects, and the length of their rows.
    """

    def __init__(
        self,
        batch_size,
        data_shape,
        path_imgrec=None,
        path_imglist=None,
        path_root=None,
        path_imgidx=None,
        shuffle=False,
        part_index=0,
        num_parts=1,
        aug_list=None,
        imglist=None,
        data_name="data",
        label_name="label",
        last_batch_handle="pad",
        **kwargs,
    ):
        super().__init__(
            batch_size=batch_size,
            data_shape=data_shape,
            path_imgrec=path_imgrec,
            path_imglist=path_imglist,
            path_root=path_root,
            path_imgidx=path_imgidx,
            shuffle=shuffle,
            part_index=part_index,
            num_parts=num_parts,
            aug_list=[],
            imglist=imglist,
            data_name=data_name,
            label_name=label_name,
            last_batch_handle=last_batch_handle,
        )
        self.auglist = CreateDetAugmenter(data_shape, **kwargs) if aug_list is None else aug_list
        self.label_shape = self._estimate_label_shape()
        self.provide_label = [DataDesc(label_name, (batch_size, *self.label_shape))]

    # --- Labels ---

    def _estimate_label_shape(self):
        """The largest number of objects in an image, and the length of their rows."""
        self.reset()
        shapes = []
        while True:
            try:
                shapes.append(self._parse_label(self.next_sample()[0]).shape)
            except StopIteration:
                break
        self.reset()
        return (max(shape[0] for shape in shapes), shapes[-1][1])

    @staticmethod
    def _parse_label(label):
        """The rows of the objects that have an area, from the numbers of a file."""
        raw = numpy.asarray(label).ravel()
        if raw.size < 7:
            raise RuntimeError(f"Label shape is invalid: {raw.shape}")
        header, width = int(raw[0]), int(raw[1])
        if (raw.size - header) % width != 0:
            raise RuntimeError(f"Label shape {raw.shape} inconsistent with annotation width {width}.")
        rows = raw[header:].reshape(-1, width)
        rows = rows[(rows[:, 3] > rows[:, 1]) & (rows[:, 4] > rows[:, 2])]
        if not len(rows):
            raise RuntimeError("Encounter sample with no valid label.")
        return rows

    @staticmethod
    def _check_valid_label(label):
        if label.ndim != 2 or label.shape[1] < 5:
            raise RuntimeError(f"Label with shape (1+, 5+) required, {label} received.")
        if not ((label[:, 0] >= 0) & (label[:, 3] > label[:, 1]) & (label[:, 4] > label[:, 2])).any():
            raise RuntimeError("Invalid label occurs.")

    def _joined_labels(self, labels):
        joined = numpy.full(self.provide_label[0].shape, -1, numpy.float32)
        for row, label in zip(joined, labels, strict=True):
            row[: len(label)] = label
        return joined

    # --- Samples ---

    def _valid_sample(self):
        """The next image that has objects, after the augmenters, and its rows."""
        while True:
            label, data = self.next_sample()
            image = self.imdecode(data)
            try:
                self.check_valid_image([image])
                image, label = self.augmentation_transform(image, self._parse_label(label))
                self._check_valid_label(label)
            except RuntimeError as error:
                logging.debug("Invalid image, skipping:  %s", error)
                continue
            return image, label

    def _next_pair(self):
        image, label = self._valid_sample()
        return label, self.postprocess_data(image)

    def augmentation_transform(self, data, label):
        """Image and label after all augmenters."""
        for augment in self.auglist:
            data, label = augment(data, label)
        return data, label

    # --- Shapes ---

    def reshape(self, data_shape=None, label_shape=None):
        """Change the shape of images, (3, height, width), or labels, (objects, length of a row).

        Raises
        ------
        ValueError
            For fewer objects, or rows of another length.
        """
        if data_shape is not None:
            self.check_data_shape(data_shape)
            self.data_shape = tuple(data_shape)
            self.provide_data = [DataDesc(self.provide_data[0].name, (self.batch_size, *data_shape))]
        if label_shape is not None:
            self.check_label_shape(label_shape)
            self.label_shape = tuple(label_shape)
            self.provide_label = [DataDesc(self.provide_label[0].name, (self.batch_size, *label_shape))]

    def check_label_shape(self, label_shape):
        """Raise ValueError unless the iterator can give labels of this shape."""
        if len(label_shape) != 2:
            raise ValueError("label_shape should have length 2")
        if label_shape[0] < self.label_shape[0]:
            raise ValueError(
                f"Attempts to reduce label count from {self.label_shape[0]} to {label_shape[0]}, not allowed."
            )
        if label_shape[1] != self.label_shape[1]:
            raise ValueError(
                f"label_shape object width inconsistent: {self.label_shape[1]} vs {label_shape[1]}."
            )

    def sync_label_shape(self, it, verbose=False):
        """Give this iterator and another one the larger of their numbers of objects.

        Parameters
        ----------
        it : ImageDetIter
        verbose : bool
            Log the new shape.

        Returns
        -------
        ImageDetIter
            The other one.
        """
        assert isinstance(it, ImageDetIter), "Synchronize with invalid iterator."
        assert self.label_shape[1] == it.label_shape[1], "object width mismatch."
        counts = self.label_shape[0], it.label_shape[0]
        shape = (max(counts), self.label_shape[1])
        for one in (self, it):
            one.reshape(None, shape)
        if verbose and min(counts) < max(counts):
            logging.info("Resized label_shape to (%d, %d).", *shape)
        return it

    # --- Looking at them ---

    def draw_next(
        self, color=None, thickness=2, mean=None, std=None, clip=True, waitKey=None, window_name="draw_next",
        id2labels=None,
    ):  # fmt: skip
        """A generator of the images with the boxes drawn into them, as BGR of uint8; needs OpenCV.

        Parameters
        ----------
        color : tuple
            Of the boxes, RGB; None: by chance.
        thickness : int
            Of the lines.
        mean, std : numpy.ndarray or True
            What the augmenters subtracted and divided by; True: the values for ImageNet.
        clip : bool
            Limit the values to [0, 255].
        waitKey : int
            Show each image for so many milliseconds; None: do not.
        window_name : str
        id2labels : dict from int to str
            Names of classes, to be written.
        """
        import cv2

        while True:
            try:
                image, label = self._valid_sample()
            except StopIteration:
                return
            image = _to_bgr(image.asnumpy().astype(numpy.float64), mean, std, clip)
            height, width = image.shape[:2]
            for row in label:
                x1, y1, x2, y2 = (int(v) for v in row[1:5] * (width, height, width, height))
                if x1 < 0:
                    continue
                edge = numpy.random.rand(3) * 255 if not color else color[::-1]
                cv2.rectangle(image, (x1, y1), (x2, y2), edge, thickness)
                name = (id2labels or {}).get(int(row[0]))
                if name is not None:
                    size = cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 2)[0]
                    place = (x1 + 5, y1 + size[1] + 5)
                    cv2.putText(image, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 2)
            if waitKey is not None:
                cv2.imshow(window_name, image)
                cv2.waitKey(waitKey)
            yield image


def _to_bgr(image, mean, std, clip):
    """The pixels before normalisation, blue first."""
    if std is not None:
        image = image * (_STD if std is True else std)
    if mean is not None:
        image = image + (_MEAN if mean is True else mean)
    image = image[:, :, ::-1]
    return numpy.ascontiguousarray((image.clip(0, 255) if clip else image).astype(numpy.uint8))
