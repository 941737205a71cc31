import numpy as np
import pytest
from f2o_perception.image import resize_depth, resize_rgb
from hypothesis import given, settings
from hypothesis import strategies as st


def area_weights(source, size):
    """(size, source): share of each source pixel in each output pixel, by brute force."""
    edges = np.arange(size + 1) * source / size
    pixels = np.arange(source)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.maximum(overlap, 0) / (source / size)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 64), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_colour_is_the_exact_area_mean(height, width, size, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    exact = np.einsum(
        "ih,jw,hwc->ijc", area_weights(height, size), area_weights(width, size), image.astype(float)
    )
    resized = resize_rgb(image, size)
    assert resized.shape == (size, size, 3)
    assert np.abs(resized - exact).max() <= 0.5 + 1e-9


@pytest.mark.parametrize(("height", "width"), [(180, 240), (480, 640), (240, 424), (720, 1280), (719, 1279)])
def test_a_constant_image_stays_constant_at_camera_resolutions(height, width):
    assert (resize_rgb(np.full((height, width, 3), 255, np.uint8), 64) == 255).all()


def test_the_same_size_is_the_same_image():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize_rgb(image, 64), image)


def test_strided_and_reversed_colour_resizes_the_same():
    bgr = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize_rgb(bgr[..., ::-1], 32), resize_rgb(bgr[..., ::-1].copy(), 32))


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 64))
def test_depth_is_only_ever_picked(height, width, size):
    image = np.arange(height * width, dtype=np.uint32).reshape(height, width).astype(np.uint16)
    resized = resize_depth(image, size)
    assert resized.shape == (size, size)
    assert np.isin(resized, image).all()


def test_depth_is_taken_at_the_centres():
    image = np.arange(9, dtype=np.uint16).reshape(3, 3)
    assert resize_depth(image, 1) == 4
    np.testing.assert_array_equal(resize_depth(image, 3), image)


def test_left_and_right_border_survive():
    image = np.zeros((180, 240, 3), np.uint8)
    image[:, :4], image[:, -4:] = 200, 100
    resized = resize_rgb(image, 64)
    assert (resized[:, 0] == 200).all()
    assert (resized[:, -1] == 100).all()
