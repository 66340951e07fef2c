"""Losses, their weights and the plateau against what the original program computed.

With the original's constants: no division by known labels, Charbonnier eps 1e-4 on images.
"""

import numpy as np
import pytest
import torch
from fill_weights import fill
from reference import case, close, filled, load

from deg_core.learn import losses, rate
from deg_core.models import compat
from deg_core.settings import FeatureSettings

EPS = 1e-4  # the original's, of the image term


def cases(name):
    """Parametrise by the cases of a fixture: how it was made, its arrays as tensors."""
    meta, arrays = load(name)
    return pytest.mark.parametrize(
        ("made", "stored"),
        [(made, tensors(case(arrays, made["prefix"]))) for made in meta["cases"]],
        ids=[made["prefix"].rstrip("_") for made in meta["cases"]],
    )


def tensors(arrays):
    return {key: torch.from_numpy(array) for key, array in arrays.items()}


def norm(gradients):
    """Euclidean norm over all tensors."""
    return torch.stack([g.double().square().sum() for g in gradients]).sum().sqrt()


# --- classification


@cases("focal")
def test_focal_loss_and_its_gradient(made, stored):
    logits = stored["logits"].requires_grad_()
    loss = losses.focal_bce(
        logits, stored["labels"], pos_weight=stored.get("pos_weight"), gamma=made["gamma"],
        smoothing=made["label_smoothing"], normalise=False,
    )  # fmt: skip
    loss.backward()
    close(loss, stored["loss"])
    close(logits.grad, stored["grad"])
    close(norm([logits.grad]), stored["grad_norm"])


@cases("cross_entropy")
def test_cross_entropy_and_its_gradient(made, stored):
    logits = stored["logits"].requires_grad_()
    loss = losses.cross_entropy(
        logits, stored["labels"], weight=stored.get("weight"), normalise=False
    )
    loss.backward()
    close(loss, stored["loss"])
    close(logits.grad, stored["grad"])


@cases("loss_weights")
def test_weights_and_first_outputs_from_counts(made, stored):
    positives, negatives, exponent = stored["pos"], stored["neg"], made["exponent"]
    close(losses.positive_weights(positives, negatives, exponent), stored["pos_weight"])
    close(losses.softmax_weights(positives, exponent), stored["softmax_weight"])
    close(losses.log_odds(positives, negatives), stored["initial_bias"])


# --- weight decay


@pytest.mark.parametrize("network", ["tiny_motion_net_3d", "resnet18_spatial"])
def test_weight_decay_and_the_pull_to_loaded_weights(network):
    meta, arrays = load("regularisation")
    made = next(made for made in meta["cases"] if made["network"] == network)
    keys = meta["keys"][network]
    module = as_module(filled(network))
    parameters = losses.decayed(module)
    assert {spoken(name) for name in parameters} == set(keys["decayed"])
    weights = {spoken(name): parameter for name, parameter in parameters.items()}
    names = {f"pretrained.{key}": weight for key, weight in weights.items()}
    pretrained = {key.removeprefix("pretrained."): w for key, w in fill(names).items()}
    del pretrained[made["absent_from_pretrained"]]
    key, shape = made["other_shape_in_pretrained"]
    pretrained[key] = torch.zeros(shape)
    assert losses.pulled(weights, pretrained) == keys["towards_pretrained"]

    found = {
        "l2": 0.01 * losses.l2(weights.values()),
        "l2sp": losses.l2_sp(weights, pretrained, alpha=1e-5, beta=1e-3),
    }
    for name, penalty in found.items():
        module.zero_grad()
        penalty.backward()
        close(penalty, arrays[f"{network}_{name}"])
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        close(norm(gradients), arrays[f"{network}_{name}_grad_norm"])


def as_module(weights):
    """Hold a state dict's parameters in a module, in order and under their (mangled) names."""
    module = torch.nn.Module()
    for key, weight in weights.items():
        if not key.endswith(("running_mean", "running_var", "num_batches_tracked")):
            module.register_parameter(key.replace(".", "/"), torch.nn.Parameter(weight))
    return module


def spoken(name):
    return name.replace("/", ".")


# --- flow


def flow_case(made):
    """Make a clip in 0..1 (N, T, 3, H, W) and flows in the layout of our networks."""
    rng = np.random.default_rng(made["seed"])
    n, pairs, (height, width) = made["N"], made["n"], made["hw"]
    clip = rng.random((n, pairs + 1, 3, height, width)).astype("f4")
    mean, std = (np.float32(made[key]).reshape(3, 1, 1) for key in ("mean", "std"))
    clip = ((clip - mean) / std) * std + mean  # as the network's input, and back
    flows = []
    for scale in range(made["scales"]):
        h, w = ((side - 1) // 2 ** (scale + 1) + 1 for side in (height, width))
        flow = (rng.standard_normal((n, pairs, 2, h, w)) * made["fs"]).astype("f4")
        flows.append(torch.from_numpy(flow.reshape(n, 2 * pairs, h, w)).requires_grad_())
    return torch.from_numpy(clip), flows


def as_ours(gradient):
    """Turn the gradient of a 3-D network's flow, (N, 2, T-1, h, w), into our layout."""
    return gradient.transpose(1, 2).flatten(1, 2) if gradient.ndim == 5 else gradient


def flow_options(made):
    return {
        "smooth_weight": made["mult"], "image_eps": EPS,
        "sparsity_weight": made["sw"] if made["sparsity"] else 0.0,
    }  # fmt: skip


@cases("flow_loss")
def test_flow_loss_from_clip_to_gradients(made, stored):
    clip, flows = flow_case(made)
    found = losses.flow_reconstruction(clip, flows, **flow_options(made))
    found["loss"].backward()
    close(found["loss"], stored["loss"])
    for scale, flow in enumerate(flows):
        close(norm([flow.grad]), stored[f"flow{scale}_grad_norm"])
        if f"flow{scale}_grad" in stored:
            close(flow.grad, as_ours(stored[f"flow{scale}_grad"]))


@cases("flow_loss")
def test_flow_loss_of_each_pair_of_frames(made, stored):
    clip, flows = flow_case(made)
    terms = losses.flow_terms(clip, flows, **flow_options(made))
    for name, key in (("ssim", "SSIM"), ("l1", "L1"), ("smoothness", "smoothness")):
        close(terms[name], stored[key])
    if made["sparsity"]:
        assert (terms["sparsity"] > 0).all()


@cases("flow_loss")
def test_frames_shrunk_and_rebuilt(made, stored):
    clip, flows = flow_case(made)
    for scale, flow in enumerate(flows):
        target, rebuilt = losses.rebuild(clip, flow)
        close(target, stored[f"target{scale}"])
        close(rebuilt, stored[f"reconstruction{scale}"])


@cases("flow_loss_parts")
def test_parts_of_the_flow_loss(made, stored):
    a, b = stored["a"], stored["b"]
    close(1 - losses.ssim(a, b), stored["one_minus_ssim_map"])
    close(losses.charbonnier(a - b, alpha=0.4, eps=EPS), stored["charbonnier"])
    right, below = losses.differences(a)
    close(right, stored["gradient_x"])
    close(below, stored["gradient_y"])
    close(losses.smoothness_map(a), stored["smoothness_map"])
    close(losses.warp(a, stored["flow"]), stored["warped"])


# --- recipe


@cases("lr_schedule")
def test_plateau_lowers_the_rate_and_ends_the_training(made, stored):
    settings = FeatureSettings(lr=1e-4, patience=3, reduction_factor=0.1, min_lr=5e-7)
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=settings.lr)
    direction = {"max": "higher", "min": "lower"}[made["mode"]]
    schedule = rate.plateau(optimizer, settings, direction)
    rates, stops = [], []
    for score in stored["metric"].tolist():
        schedule.step(score)
        rates.append(optimizer.param_groups[0]["lr"])
        stops.append(rate.is_at_bottom(rates[-1], settings))
    np.testing.assert_allclose(rates, stored["lr_after_epoch"], rtol=1e-9)
    assert stops == stored["stop_if_asked"].tolist()


# --- one step of training


def first_step(prefix, **options):
    """Build a network in training mode; its input and the fixture's arrays with it."""
    meta, arrays = load("train_step")
    made = next(made for made in meta["cases"] if made["prefix"] == prefix)
    network = compat.from_deepethogram(made["network"], filled(made["network"]), **options)
    drawn = np.random.default_rng(made["seed"]).standard_normal(made["shape"]).astype("float32")
    return made, network.train(), torch.from_numpy(drawn), tensors(case(arrays, prefix))


def check_gradients(network, loss, made, stored):
    """Go backward, and compare the loss and the norm of each parameter's gradient."""
    loss.backward()
    close(loss, stored["loss"], rtol=1e-3)
    # What takes part in nothing has no gradient here, and one of zeros or none there.
    norms = {
        key: 0.0 if p.grad is None else float(norm([p.grad]))
        for key, p in compat.named_parameters(network).items()
    }
    assert set(norms) == {*made["parameters"], *made["without_gradient"]}
    close([norms[key] for key in made["parameters"]], stored["grad_norms"], rtol=1e-3)
    assert not any(norms[key] for key in made["without_gradient"])


@pytest.mark.parametrize("prefix", ["c00_", "c01_"])
def test_a_training_step_of_a_classifier(prefix):
    made, network, x, stored = first_step(prefix, K=5, dropout_p=0.0, input_dropout=0.0)
    loss = losses.focal_bce(
        compat.outputs(network, x)["out"], stored["labels"],
        pos_weight=2.0 ** torch.arange(5), gamma=1.0, smoothing=0.05, normalise=False,
    )  # fmt: skip
    check_gradients(network, loss, made, stored)


def test_a_training_step_of_a_flow_generator():
    made, network, x, stored = first_step("c02_")
    out = compat.outputs(network, x)
    clip = (x * 0.25 + 0.5).clamp(0, 1).unflatten(1, (11, 3))  # the fixture's mean, deviation
    flows = [out[f"out{scale}"] for scale in range(3)]
    loss = losses.flow_reconstruction(clip, flows, image_eps=EPS)["loss"]
    check_gradients(network, loss, made, stored)
