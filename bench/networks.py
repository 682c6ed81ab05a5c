"""The networks that `bench.detectors` compares: how each is trained and finds particles.

Others than ours are trained with their own settings where they have some, on crops that look like
those of our training. Like ours they find particles at three scales: each size is taken from the
scale that shows it best.

Cellpose 4 knows only vision transformers of 300 million parameters, which learn nothing in minutes
on a CPU; 3.0.9 is the last version of its U-Net that allows a numpy for Python 3.13.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float32]
type Labels = NDArray[np.integer]

SCALES = ((0.25, 28, math.inf), (0.5, 28, 96), (1.0, 0, 96))
"""What the others are shown, and the diameters in pixels there that are taken from it."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A network after its minutes.

    Parameters
    ----------
    steps, batch, parameters
        Batches learned, crops a batch, weights.
    seconds
        Of training.
    find
        Takes a micrograph, (height, width) in 0 to 1, and returns its label image.
    """

    steps: int
    batch: int
    parameters: int
    seconds: float
    find: Callable[[Floats], Labels]


def ours(output: str, seconds: float) -> Trained:
    """Train the star-convex network of ``examples/detector`` in as many steps as fit."""
    from examples.detector.training import Training, train

    with tempfile.TemporaryDirectory() as name:

        def trained(steps: int) -> tuple[Any, float]:
            detector = train([output], Path(name) / f"{steps}.pt", Training(steps=steps))
            return detector, float(detector.about["seconds"])

        few = 40
        steps = max(int(seconds / (trained(few)[1] / few)), 1)
        detector, took = trained(steps)

    def found(image: Floats) -> Labels:
        return np.asarray(detector.predict(image).labels)

    return Trained(steps, Training().batch, _parameters(detector.network), took, found)


def mask_rcnn(output: str, seconds: float) -> Trained:
    """Train torchvision's Mask R-CNN on a ResNet-18, with a quarter of the heads' channels."""
    import torch
    from torchvision.models import resnet18
    from torchvision.models.detection import MaskRCNN, anchor_utils, backbone_utils
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
    from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
    from torchvision.ops import masks_to_boxes

    batch, rate, channels = 4, 5e-4, 64
    torch.manual_seed(0)
    network = MaskRCNN(
        backbone_utils.BackboneWithFPN(
            resnet18(weights=None),
            {f"layer{number + 1}": str(number) for number in range(4)},
            [64, 128, 256, 512],
            channels,
        ),
        image_mean=[0.4] * 3,
        image_std=[0.25] * 3,
        rpn_anchor_generator=anchor_utils.AnchorGenerator(
            tuple((size,) for size in (8, 16, 32, 64, 128)), ((1.0,),) * 5
        ),
        rpn_post_nms_top_n_train=500,
        box_batch_size_per_image=128,
        box_score_thresh=0.5,
        box_detections_per_img=600,
        box_predictor=FastRCNNPredictor(1024, 2),
        mask_head=MaskRCNNHeads(channels, (channels,) * 4, 1),
        mask_predictor=MaskRCNNPredictor(channels, channels, 2),
        _skip_resize=True,
    )
    optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=1e-4)
    crops = _crops(output, 1000, 256)

    def example(index: int) -> tuple[Any, dict[str, Any]]:
        image, labels = crops[index % len(crops)]
        ids = np.unique(labels[labels > 0])
        masks = torch.from_numpy(labels == ids[:, None, None])
        boxes = masks_to_boxes(masks) + torch.tensor([0, 0, 1, 1])
        target = {"boxes": boxes, "labels": torch.ones(len(ids), dtype=torch.int64)}
        return torch.from_numpy(image).expand(3, -1, -1), target | {"masks": masks.byte()}

    start, steps = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < seconds:
        optimizer.param_groups[0]["lr"] = rate * min((steps + 1) / 20, 1.05 - spent / seconds)
        examples = [example(steps * batch + number) for number in range(batch)]
        images, targets = map(list, zip(*examples, strict=True))
        loss = sum(network(images, targets).values())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        steps += 1
    network.eval()

    @torch.inference_mode()
    def found(image: Floats) -> Labels:
        masks = network([torch.from_numpy(image).expand(3, -1, -1)])[0]["masks"][:, 0].numpy()
        labels = np.zeros(image.shape, np.int32)
        for label in range(len(masks), 0, -1):  # the surest on top
            labels[masks[label - 1] > 0.5] = label
        return labels

    return Trained(steps, batch, _parameters(network), spent, _at_scales(found))


def cellpose(output: str, seconds: float) -> Trained:
    """Train Cellpose's U-Net by its own trainer, with its own learning rate."""
    import torch
    from cellpose import dynamics, models, train

    batch, epoch = 4, 8
    crops = _crops(output, 400, 320)  # it cuts turned squares of 224 out of them
    images, labels = map(list, zip(*crops, strict=True))
    flows = dynamics.labels_to_flows(labels, device=torch.device("cpu"))
    times: list[float] = []

    def trained(epochs: int) -> Any:
        torch.manual_seed(0)
        model = models.CellposeModel(gpu=False, pretrained_model=False)
        model.net.register_forward_pre_hook(lambda *_: times.append(time.perf_counter()))
        with tempfile.TemporaryDirectory() as name:
            train.train_seg(
                model.net,
                images,
                flows,
                channels=[0, 0],
                normalize=False,
                rescale=False,
                scale_range=0.5,
                min_train_masks=0,
                batch_size=batch,
                nimg_per_epoch=epoch,
                n_epochs=epochs,
                save_path=name,
            )
        return model

    trained(3)
    pace = (times[-1] - times[0]) / (len(times) - 1)
    times.clear()
    model = trained(max(round(seconds / pace * batch / epoch), 1))
    took, steps = time.perf_counter() - times[0], len(times)

    def found(image: Floats) -> Labels:
        return np.asarray(model.eval(image, channels=[0, 0], normalize=False)[0])

    return Trained(steps, batch, _parameters(model.net), took, _at_scales(found))


def stardist(output: str, seconds: float) -> Trained:
    """Train StarDist with its own settings, but one level more for large particles."""
    import keras
    from stardist.models import Config2D, StarDist2D

    batch, rate = 4, 3e-4
    keras.utils.set_random_seed(0)
    settings = Config2D(grid=(2, 2), unet_n_depth=4, train_batch_size=batch, train_reduce_lr=None)
    model = StarDist2D(settings, name="stardist", basedir=None)
    images, labels = map(list, zip(*_crops(output, 3000, 256), strict=True))
    apart = images[:16], labels[:16]
    times: list[float] = []

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_begin(self, *_: object, **__: object) -> None:
            times.append(time.perf_counter())
            left = 1.05 - (times[-1] - times[0]) / seconds
            self.model.optimizer.learning_rate.assign(rate * max(left, 0.05))

        def on_train_batch_end(self, *_: object, **__: object) -> None:
            self.model.stop_training = time.perf_counter() - times[0] > seconds

    model.prepare_for_training()
    model.callbacks.append(Clock())
    model.train(images[16:], labels[16:], validation_data=apart, epochs=1, steps_per_epoch=100_000)
    took = times[-1] - times[0]
    model.optimize_thresholds(*apart)

    def found(image: Floats) -> Labels:
        return np.asarray(model.predict_instances(image)[0])

    return Trained(len(times), batch, model.keras_model.count_params(), took, _at_scales(found))


def _parameters(network: Any) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _crops(output: str, number: int, side: int) -> list[tuple[Floats, NDArray[np.uint16]]]:
    """Return squares with their labels, at the scales and under the cameras of our own training."""
    from examples.detector import crops

    rng = np.random.default_rng(0)
    pictures = crops.read_pictures([output])
    made = []
    for _ in range(number):
        picture = pictures[rng.integers(len(pictures))]
        particle = rng.integers(len(picture.diameters))
        wanted = math.exp(rng.uniform(*np.log(crops.DIAMETERS)))
        scale = np.clip(wanted / picture.diameters[particle], *crops.SCALES)
        cut = int(min(side / scale, *picture.labels.shape))
        corner = picture.centres[particle] - cut * rng.random(2)
        top, left = np.clip(corner, 0, np.array(picture.labels.shape) - cut).astype(int)
        window = np.s_[top : top + cut, left : left + cut]
        low, high = picture.grays
        gray = (picture.image[window].astype(np.float32) - low) / np.float32(high - low)
        image = crops.photographed(crops.resized(gray, (side, side)), rng)
        labels = _resampled(picture.labels[window], (side, side))
        large = np.bincount(labels.ravel()) > math.pi / 4 * crops.LEAST_DIAMETER**2
        labels = np.where(large[labels], labels, 0)
        if labels.any():
            turns = int(rng.integers(4))
            made.append((np.rot90(image, turns).copy(), np.rot90(labels, turns).copy()))
    return made


def _at_scales(found: Callable[[Floats], Labels]) -> Callable[[Floats], Labels]:
    """Return what finds particles at every scale: large ones first, then what lies beside them."""

    def everywhere(image: Floats) -> Labels:
        from examples.detector.crops import gray_range, resized

        low, high = gray_range(image)
        normalised = ((image - low) / (high - low)).astype(np.float32)
        labels = np.zeros(image.shape, np.int32)
        for scale, least, most in SCALES:
            height, width = (round(side * scale) for side in image.shape)
            these = _resampled(found(resized(normalised, (height, width))), image.shape)
            areas = np.bincount(these.ravel())
            covered = np.bincount(these[labels > 0], minlength=len(areas)) > areas / 2
            diameters = 2 * np.sqrt(areas / math.pi) * scale
            wanted = (diameters >= least) & (diameters < most) & ~covered
            wanted[0] = False
            new = wanted[these] & (labels == 0)
            labels[new] = these[new] + labels.max()
        return labels

    return everywhere


def _resampled[L: Labels](labels: L, shape: tuple[int, ...]) -> L:
    """Return the labels with another number of pixels, the nearest of each."""
    sides = zip(shape, labels.shape, strict=True)
    return labels[np.ix_(*(((np.arange(new) + 0.5) * old / new).astype(int) for new, old in sides))]
