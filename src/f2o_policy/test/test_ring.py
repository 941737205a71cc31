"""Learning itself, on a ring of eight modes a condition: the teacher finds them, Chamfer keeps them, MSE loses them."""

import itertools

import pytest
import torch
from f2o_policy.methods.base import Batch, repeat
from f2o_policy.methods.cfm import Cfm, CfmOptions
from f2o_policy.methods.imle import Imle, ImleOptions
from f2o_policy.methods.mse import Mse, MseOptions
from torch import nn

MODES, SIGMA, RADIUS = 8, 0.08, 1.0
CENTRES = torch.tensor([[0.0, 0.0], [0.5, -0.5]])  # one ring a condition
ANGLES = torch.arange(MODES) * (2 * torch.pi / MODES)
RING = RADIUS * torch.stack([ANGLES.cos(), ANGLES.sin()], -1)


class Head(nn.Module):
    """A multilayer perceptron in the place of the U-Net: H = 1, D = 2, the condition is the ring's number."""

    def __init__(self, timed):
        super().__init__()
        self.timed = timed
        self.noise = nn.Sequential(nn.Linear(2, 64), nn.ReLU())
        widths = [64 + len(CENTRES) + (17 if timed else 0), 128, 128, 128]
        layers = [m for i, o in itertools.pairwise(widths) for m in (nn.Linear(i, o), nn.ReLU())]
        self.net = nn.Sequential(*layers, nn.Linear(128, 2))

    def forward(self, x, embedding, proprio, t=None):
        if not self.timed:
            return self.net(torch.cat([self.noise(x[:, 0]), embedding], -1))[:, None]
        phase = t[:, None] * 2.0 ** torch.arange(8) * torch.pi / 4
        scale = (0.5 * t**2 + (1 - t) ** 2).rsqrt()[:, None]
        parts = [self.noise(x[:, 0] * scale), embedding, t[:, None], phase.sin(), phase.cos()]
        return self.net(torch.cat(parts, -1))[:, None]


def demonstrations(conditions):
    modes = RING[torch.randint(MODES, (len(conditions),))]
    return (CENTRES[conditions] + modes + SIGMA * torch.randn(len(conditions), 2))[:, None]


def condition(rows):
    return nn.functional.one_hot(rows, len(CENTRES)).float()


def fit(head, loss, steps, rate=2e-3):
    adam = torch.optim.AdamW(head.parameters(), lr=rate, weight_decay=0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps, rate / 100)
    for _ in range(steps):
        adam.zero_grad()
        loss().backward()
        adam.step()
        schedule.step()


@torch.no_grad()
def draw(method, head, count):
    """(conditions, count, 2) samples."""
    rows = repeat(torch.arange(len(CENTRES)), count)
    chunks = method.sample(head, torch.randn(len(rows), 1, 2), condition(rows), torch.zeros(len(rows), 8))
    return chunks.reshape(len(CENTRES), count, 2)


def judge(samples):
    """Share of samples on a mode, and the number of modes hit in the worst condition."""
    nearest = torch.cdist(samples - CENTRES[:, None], RING.expand(len(CENTRES), -1, -1)).min(-1)
    on = nearest.values < 4 * SIGMA
    hit = min(len(set(m[o].tolist())) for m, o in zip(nearest.indices, on, strict=True))
    return on.float().mean().item(), hit


@pytest.fixture(scope="module")
def ring():
    torch.manual_seed(0)
    method, head = Cfm(CfmOptions(draws=1)), Head(timed=True)

    def loss():
        rows = torch.randint(len(CENTRES), (512,))
        return method.loss(
            head, Batch(condition(rows), torch.zeros(512, 8), demonstrations(rows)[:, None])
        ).total

    fit(head, loss, 1800)
    return method, head, draw(method, head, 512)


def distil(method, sets):
    torch.manual_seed(1)
    head = Head(timed=False)

    def loss():
        rows = torch.arange(len(CENTRES)).repeat(8)
        picked = sets[rows[:, None], torch.randint(sets.shape[1], (len(rows), 16))]
        return method.loss(head, Batch(condition(rows), torch.zeros(len(rows), 8), picked[:, :, None])).total

    fit(head, loss, 800)
    return head


def test_the_teacher_is_on_the_modes(ring):
    on, hit = judge(ring[2])
    assert on >= 0.9
    assert hit == MODES


def test_the_teacher_cut_to_one_step_falls_between_the_modes(ring):
    method, head, _ = ring
    rows = repeat(torch.arange(len(CENTRES)), 64)
    with torch.no_grad():
        cut = method.sample(
            head, torch.randn(len(rows), 1, 2), condition(rows), torch.zeros(len(rows), 8), steps=1
        )
    assert judge(cut.reshape(len(CENTRES), 64, 2))[0] < 0.1


def test_chamfer_keeps_the_modes_of_every_condition(ring):
    method = Imle(ImleOptions(hypotheses=16, gripper_weight=1.0))
    student = draw(method, distil(method, ring[2]), 512)
    on, hit = judge(student)
    assert hit == MODES
    assert on >= 0.7
    ratio = student.std(1).mean() / ring[2].std(1).mean()
    assert ratio.item() == pytest.approx(1.0, abs=0.1)


def test_unpaired_mse_collapses_to_the_mean(ring):
    method = Mse(MseOptions())
    student = draw(method, distil(method, ring[2]), 64)
    assert judge(student)[0] < 0.05
    assert (student.std(1).mean() / ring[2].std(1).mean()).item() < 0.1
