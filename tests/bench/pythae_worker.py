"""Trains pythae's variational autoencoder on request, in an environment of its own.

Started as: PYTHON pythae_worker.py IMAGES.npy BATCH_SIZE LR. Each line of its input is
a number of threads and one of steps; each line of its output the seconds they took.
"""

import sys
import time

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.trainers import BaseTrainer, BaseTrainerConfig


def main() -> None:
    """Answer until the input ends."""
    path, batch_size, lr = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    answers, sys.stdout = sys.stdout, sys.stderr
    images = torch.from_numpy(np.load(path)).float() / 255
    model = VAE(VAEConfig(input_dim=(784,), latent_dim=16, reconstruction_loss="bce"))
    settings = BaseTrainerConfig(
        per_device_train_batch_size=batch_size, learning_rate=lr, no_cuda=True
    )
    trainer = BaseTrainer(model, _dataset(images[:batch_size]), None, settings)
    trainer.prepare_training()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        threads, steps = map(int, line.split())
        torch.set_num_threads(threads)
        chosen = torch.arange(steps * batch_size) % len(images)
        trainer.train_loader = trainer.get_train_dataloader(_dataset(images[chosen]))
        began = time.perf_counter()
        trainer.train_step(epoch=1)
        print(time.perf_counter() - began, file=answers, flush=True)


def _dataset(images: torch.Tensor) -> BaseDataset:
    return BaseDataset(images, torch.zeros(len(images)))


if __name__ == "__main__":
    main()
