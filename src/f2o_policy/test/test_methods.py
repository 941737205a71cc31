"""Invariants of the teacher's law and sampler and of the set distances (methods.md 11.1)."""

import itertools

import pytest
import torch
from f2o_nodekit.config import ConfigError
from f2o_policy.data.shard import Shard
from f2o_policy.errors import ShapeError, UnknownNameError
from f2o_policy.methods import METHODS, create
from f2o_policy.methods.base import Batch
from f2o_policy.methods.cfm import Cfm, CfmOptions
from f2o_policy.methods.chamfer import EPS, chamfer, distances, distinct, spread
from f2o_policy.methods.hungarian import match
from f2o_policy.methods.imle import Imle, ImleOptions
from f2o_policy.methods.mse import MseOptions
from f2o_policy.methods.paired import Paired
from f2o_policy.methods.prefix import Prefix, PrefixOptions
from f2o_policy.solver import euler
from f2o_policy.training.config import Config

ONES = torch.ones(3)
NONE = torch.zeros(0)  # a condition that is not looked at


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def sets(b=2, k=5, h=4, d=3):
    return torch.randn(b, k, h, d)


def total(t, s):
    return chamfer(distances(t, s, ONES)).total


def test_chamfer_of_a_set_with_itself_is_zero():
    t = sets()
    assert total(t, t).max().item() <= 2.1 * EPS**0.5  # the epsilon inside the root


def test_chamfer_does_not_depend_on_the_order_within_the_sets():
    t, s = sets(), sets(k=7)
    assert torch.allclose(total(t, s), total(t[:, torch.randperm(5)], s[:, torch.randperm(7)]))


def test_chamfer_of_two_single_trajectories_is_twice_their_distance():
    t, s = sets(k=1), sets(k=1)
    assert torch.allclose(total(t, s), 2 * distances(t, s, ONES)[:, 0, 0])


def test_distance_is_the_mean_over_steps_of_the_unsquared_norm():
    t = torch.zeros(1, 1, 2, 3)
    s = torch.tensor([[[[3.0, 4.0, 0.0], [0.0, 0.0, 2.0]]]])
    assert distances(t, s, ONES).item() == pytest.approx((5 + 2) / 2)
    assert distances(t, s, torch.tensor([1.0, 1.0, 0.25])).item() == pytest.approx((5 + 1) / 2)


def test_minima_are_taken_within_a_condition_never_across_the_batch():
    """Student sets swapped between two conditions are a perfect match for a pooled minimum."""
    t = sets()
    swapped = t.flip(0)
    pooled = distances(t.flatten(0, 1)[None], swapped.flatten(0, 1)[None], ONES)
    assert chamfer(pooled).total.item() < 1e-3
    assert total(t, swapped).min().item() > 0.5


def test_every_hypothesis_gets_a_gradient_through_the_fidelity_term():
    t, s = sets(k=3), sets(k=9).requires_grad_()
    total(t, s).sum().backward()
    assert (s.grad.flatten(2).norm(dim=2) > 0).all()


def test_distance_zero_has_a_finite_gradient():
    t = sets()
    s = t.clone().requires_grad_()
    total(t, s).sum().backward()
    assert s.grad.isfinite().all()


def test_distinct_counts_and_spread():
    t = torch.arange(4.0).reshape(1, 4, 1, 1).expand(1, 4, 2, 3) * 10
    collapsed = t[:, :1].expand_as(t)
    assert distinct(distances(t, t, ONES)) == (1.0, 1.0)
    assert distinct(distances(t, collapsed, ONES)) == (0.25, 0.25)
    assert spread(collapsed, ONES).item() < 1e-3
    pairs = [abs(i - j) * 10 * 3**0.5 for i in range(4) for j in range(4) if i != j]
    assert spread(t, ONES).item() == pytest.approx(sum(pairs) / 12, rel=1e-3)


def test_times_follow_the_logit_normal_law():
    t = Cfm(CfmOptions()).times(torch.randn(200_000))
    for limit, share in ((0.1, 0.13), (0.25, 0.35), (0.5, 0.63), (0.9, 0.96)):
        assert (t < limit).float().mean().item() == pytest.approx(share, abs=0.006)
    assert t.median().item() == pytest.approx(0.378, abs=0.005)


@pytest.mark.parametrize(("cap", "rate"), [(1.0, 0.374), (0.2, 0.0748)])
def test_share_of_masked_training_samples(cap, rate):
    method = Cfm(CfmOptions(mask_cap=cap))
    assert method.mask_probability(method.times(torch.randn(200_000))).mean().item() == pytest.approx(
        rate, abs=0.005
    )


def test_masked_samples_reach_the_network_without_their_noise():
    seen = []

    def head(x, embedding, proprio, t):
        seen.append((x.abs().amax((1, 2)) == 0, t))
        return torch.zeros_like(x)

    batch = Batch(torch.zeros(500, 1), torch.zeros(500, 8), torch.ones(500, 1, 4, 3))
    Cfm(CfmOptions(draws=4)).loss(head, batch)
    masked, t = seen[0]
    assert masked[t > 0.8].float().mean().item() == pytest.approx(0.2, abs=0.05)
    assert masked[t < 0.2].sum() == 0


@pytest.mark.parametrize("steps", [1, 2, 7, 50])
def test_euler_ends_on_the_networks_last_output(steps):
    answer = torch.randn(2, 4, 3)
    chunk = Cfm(CfmOptions()).sample(lambda *_: answer, torch.randn(2, 4, 3), NONE, NONE, steps)
    assert torch.equal(chunk, answer)


def test_euler_in_convex_form_equals_the_velocity_form():
    def head(x, embedding, proprio, t):
        return torch.tanh(x + t[:, None, None])

    x = noise = torch.randn(2, 4, 3, dtype=torch.float64)
    for n in range(50):
        t = torch.full((2,), n / 50, dtype=torch.float64)
        x = x + (head(x, NONE, NONE, t) - x) / (1 - n / 50) / 50
    assert torch.allclose(Cfm(CfmOptions()).sample(head, noise, NONE, NONE), x, atol=1e-9)


def test_time_one_is_never_evaluated():
    times = []

    def head(x, embedding, proprio, t):
        times.append(t[0].item())
        return x

    Cfm(CfmOptions(steps=10)).sample(head, torch.randn(1, 4, 3), NONE, NONE)
    assert times == pytest.approx([n / 10 for n in range(10)])


def test_the_hypotheses_of_a_condition_have_different_noise():
    seen = []

    def head(x, embedding, proprio):
        seen.append(x)
        return x

    batch = Batch(torch.zeros(3, 2), torch.zeros(3, 8), torch.zeros(3, 16, 4, 3))
    for _ in range(2):
        Imle(ImleOptions()).loss(head, batch)
    first, second = seen
    assert first.unflatten(0, (3, 16)).std(1).min() > 0
    assert not torch.equal(first, second)


def test_a_student_has_no_steps_to_divide():
    with pytest.raises(ValueError, match="steps must be 1, got 50"):
        Imle(ImleOptions()).sample(lambda x, *_: x, torch.zeros(1, 4, 3), NONE, NONE, 50)


def test_unknown_names_and_options_are_named():
    with pytest.raises(
        UnknownNameError,
        match=r"unknown method 'gan', expected one of: cfm, coverage, fidelity, hungarian, imle, mse, paired",
    ):
        create("gan", {})
    with pytest.raises(
        ConfigError,
        match=r"options of method cfm: 1 error: mask_cap: expected a number from 0 to 1, got 2\.0",
    ):
        create("cfm", {"mask_cap": 2.0})


def fan(hypotheses):
    """A head that answers with the given hypotheses (M,H,D), whatever it is asked."""
    return lambda noise, embedding, proprio: hypotheses.repeat(len(noise) // len(hypotheses), 1, 1)


def batch_of(targets, noise=None):
    return Batch(torch.zeros(len(targets), 1), torch.zeros(len(targets), 8), targets, noise)


def test_coverage_forgives_strays_and_fidelity_forgives_gaps():
    targets = torch.tensor([0.0, 10.0]).reshape(1, 2, 1, 1)
    stray = torch.tensor([0.0, 10.0, 5.0]).reshape(3, 1, 1)
    gap = torch.tensor([0.0, 0.0, 0.0]).reshape(3, 1, 1)
    losses = {
        (name, what): create(name, {"hypotheses": 3}).loss(fan(chunks), batch_of(targets)).total.item()
        for name in ("coverage", "fidelity", "imle")
        for what, chunks in (("stray", stray), ("gap", gap))
    }
    weight = 0.3**0.5  # of the only dimension, which counts as the gripper
    assert losses["coverage", "stray"] == pytest.approx(0.0, abs=1e-3)
    assert losses["coverage", "gap"] == pytest.approx(weight * 10 / 2, rel=1e-3)
    assert losses["fidelity", "gap"] == pytest.approx(0.0, abs=1e-3)
    assert losses["fidelity", "stray"] == pytest.approx(weight * 5 / 3, rel=1e-3)
    for what in ("stray", "gap"):
        both = losses["coverage", what] + losses["fidelity", what]
        assert losses["imle", what] == pytest.approx(both, rel=1e-6)


def test_the_matching_is_the_cheapest_of_all():
    dist = torch.rand(3, 4, 4)
    rows = torch.arange(4)
    for cost, d in zip(dist.flatten()[match(dist)].reshape(3, 4).sum(1), dist, strict=True):
        cheapest = min(d[rows, list(order)].sum() for order in itertools.permutations(range(4)))
        assert cost.item() == pytest.approx(cheapest.item())


def test_paired_regression_asks_each_noise_for_its_own_trajectory():
    noise = torch.randn(3, 16, 2, 2)
    method = Paired(MseOptions(hypotheses=5))
    double = lambda x, embedding, proprio: 2 * x  # noqa: E731
    assert method.loss(double, batch_of(2 * noise, noise)).total.item() == pytest.approx(0.0, abs=1e-10)
    assert method.loss(double, batch_of(2 * noise.flip(1), noise)).total.item() > 1.0
    with pytest.raises(ValueError, match="needs the source noise"):
        method.loss(double, batch_of(noise))


def test_every_method_has_a_section_of_its_own_options():
    config = Config()
    assert set(METHODS) >= {"cfm", "imle", "mse", "paired", "coverage", "fidelity", "hungarian"}
    for name, method in METHODS.items():
        assert type(getattr(config, name)) is method.options_class
        assert create(name, vars(getattr(config, name))).name == name


@pytest.mark.parametrize("method", ["imle", "hungarian", "mse", "paired"])
def test_the_number_of_sequences_at_a_time_changes_only_memory(method):
    head = torch.nn.Linear(3, 3)
    batch = Batch(torch.zeros(2, 0), torch.zeros(2, 0), sets(k=6), noise=sets(k=6))
    gradients = []
    for rows in (0, 4):
        torch.manual_seed(3)
        head.zero_grad()
        made = create(method, {"hypotheses": 6, "rows_at_once": rows})
        made.loss(lambda x, *_: head(x), batch).total.backward()
        gradients.append(head.weight.grad.clone())
    assert torch.allclose(*gradients, atol=1e-6)


def test_squared_and_weighted_distances():
    t = torch.zeros(1, 1, 2, 3)
    s = torch.tensor([[[[3.0, 4.0, 0.0], [0.0, 0.0, 2.0]]]])
    assert distances(t, s, ONES, squared=True).item() == pytest.approx((25 + 4) / 2)
    assert distances(t, s, ONES, torch.tensor([1.0, 0.5])).item() == pytest.approx((5 + 0.5 * 2) / 1.5)


def test_a_shard_of_a_batch_draws_its_part_of_what_all_draw():
    from f2o_policy.data.shard import Shard

    whole = Batch(NONE, NONE, sets(b=4))
    torch.manual_seed(7)
    expected = whole.normal(8, 2)
    parts = []
    for rank in range(2):
        part = Batch(NONE, NONE, sets(b=2), shard=Shard(rank, 2))
        torch.manual_seed(7)
        parts.append(part.normal(4, 2))
    assert torch.equal(torch.cat(parts), expected)


@pytest.mark.parametrize("spacing", ["uniform", "exponential"])
@pytest.mark.parametrize("steps", [1, 7, 50])
def test_a_constant_network_is_reached_exactly_whatever_the_steps(spacing, steps):
    method = create("cfm", {"steps": steps, "spacing": spacing})
    wanted = torch.full((3, 4, 2), 0.7)
    assert torch.equal(method.sample(lambda *_: wanted, torch.randn(3, 4, 2), NONE, NONE), wanted)


def test_exponential_steps_are_those_of_pointflowmatch():
    times = [t for t, _ in euler(50, "exponential")]
    assert times[1] == pytest.approx(0.078, abs=2e-3)
    assert (times[10], times[25]) == (pytest.approx(0.56, abs=0.01), pytest.approx(0.88, abs=0.01))
    assert 1 - times[-1] == pytest.approx(0.0016, abs=2e-4)
    assert [t for t, _ in euler(4, "uniform")] == pytest.approx([0.0, 0.25, 0.5, 0.75])
    with pytest.raises(ConfigError, match="spacing: expected one of uniform, exponential, got 'cosine'"):
        create("cfm", {"spacing": "cosine"})


class Told:
    """A head that shows its noise and repeats its first step for ever, as a plan that goes straight on."""

    def __call__(self, x, embedding, proprio, t=None):
        self.noise = x
        return x[:, :1].expand_as(x)


def fork(b=6, k=8, h=6, d=3):
    """Sets of two modes: half of the trajectories stand at +1, half at -1."""
    signs = torch.where(torch.arange(k) % 2 == 0, 1.0, -1.0)
    return signs[None, :, None, None].expand(b, k, h, d).clone()


def prefixed(**changes):
    options = PrefixOptions(hypotheses=8, prefix=2, jitter=0.0, **changes)
    targets = fork()
    batch = Batch(torch.zeros(len(targets), 4), torch.zeros(len(targets), 3), targets)
    head = Told()
    loss = Prefix(options).loss(head, batch)
    return loss, head.noise.unflatten(0, (len(targets), 8))


def test_all_hypotheses_of_a_condition_have_a_prefix_of_its_set_or_none_has():
    _, noise = prefixed(free=0.5)
    told = (noise[:, :, :2].abs() == 1).flatten(1).all(1)
    assert 0 < told.sum() < len(told)
    for begun in noise[told]:
        assert {1.0, -1.0} == set(begun[:, 0, 0].tolist())  # every trajectory is somebody's prefix
        assert (begun[:, 2:].abs() != 1).any()  # the rest is noise
    assert not (noise[~told].abs() == 1).all(-1).any()


def test_a_hypothesis_that_continues_its_prefix_has_no_loss_and_others_do():
    loss, _ = prefixed(free=0.0)
    assert loss.total.item() == pytest.approx(0.0, abs=2e-3)
    assert loss.terms["prefix_error"] == pytest.approx(0.0, abs=2e-3)
    targets = fork()
    batch = Batch(torch.zeros(len(targets), 4), torch.zeros(len(targets), 3), targets)
    options = PrefixOptions(hypotheses=8, prefix=2, jitter=0.0, free=0.0)
    turned = Prefix(options).loss(lambda x, e, p, t=None: -x[:, :1].expand_as(x), batch)
    # Each goes to the other mode: as sets they are the same, as pairs of prefix and trajectory they are not.
    assert turned.total.item() > 1.0
    assert turned.terms["prefix_error"] > 1.0


def test_without_prefixes_the_loss_is_that_of_imle():
    targets = torch.randn(4, 8, 6, 3)
    batch = Batch(torch.zeros(4, 4), torch.zeros(4, 3), targets)
    losses = []
    for method in (Prefix(PrefixOptions(hypotheses=8, prefix=2, free=1.0)), Imle(ImleOptions(hypotheses=8))):
        torch.manual_seed(5)
        losses.append(method.loss(lambda x, e, p, t=None: 0.5 * x, batch).total.item())
    assert losses[0] == losses[1]


def test_two_ranks_draw_together_the_prefixes_of_one():
    torch.manual_seed(2)
    whole = fork(b=4) + 0.1 * torch.randn(4, 8, 6, 3)
    method = Prefix(PrefixOptions(hypotheses=8, prefix=2))

    def total(targets, shard):
        torch.manual_seed(7)
        batch = Batch(torch.zeros(len(targets), 4), torch.zeros(len(targets), 3), targets, shard=shard)
        return method.loss(lambda x, e, p, t=None: 0.5 * x, batch).total.item()

    parts = [total(whole[2 * rank : 2 * rank + 2], Shard(rank, 2)) for rank in range(2)]
    assert sum(parts) / 2 == pytest.approx(total(whole, Shard()), rel=1e-5)


@pytest.mark.parametrize("changes", [{"prefix": 6}, {"hypotheses": 7}])
def test_a_prefix_as_long_as_the_horizon_or_with_too_few_hypotheses_is_refused(changes):
    options = PrefixOptions(**({"hypotheses": 8, "prefix": 2} | changes))
    batch = Batch(torch.zeros(6, 4), torch.zeros(6, 3), fork())
    with pytest.raises(ShapeError, match=r"prefix < 6 \(horizon\) and hypotheses >= 8"):
        Prefix(options).loss(Told(), batch)
