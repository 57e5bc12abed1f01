"""Images in: what is legal comes out right, what is not is refused with its reason."""

import array
import io

import cv2
import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ros2_rose.image_decoder import (
    BadImageError,
    BadImageReason,
    check_compressed,
    check_raw,
    decode_compressed,
    decode_raw,
)

HEIGHT, WIDTH = 24, 32


def smooth_rgb(height=HEIGHT, width=WIDTH):
    """A picture without sharp edges, which survives chroma subsampling and demosaicing."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    channels = 60 + 3 * rows, 200 - 4 * columns, 80 + 2 * rows + columns
    return np.stack(channels, axis=2).astype(np.uint8)


def reason_of(*arguments, decode=decode_raw, **options):
    with pytest.raises(BadImageError) as caught:
        decode(*arguments, **options)
    return caught.value.reason


def raw(rgb, encoding='rgb8', step=None, data=None):
    step = rgb.shape[1] * 3 if step is None else step
    return rgb.shape[0], rgb.shape[1], encoding, 0, step, rgb.tobytes() if data is None else data


# --- raw images ---------------------------------------------------------------------------------


@pytest.mark.parametrize('make', [bytes, bytearray, memoryview, lambda raw: array.array('B', raw)])
def test_every_kind_of_buffer_is_read(make):
    rgb = smooth_rgb()
    assert np.array_equal(decode_raw(*raw(rgb, data=make(rgb.tobytes()))), rgb)


def test_the_result_is_fresh_and_writable():
    data = bytearray(smooth_rgb().tobytes())
    rgb = decode_raw(*raw(smooth_rgb(), data=data))
    data[:] = bytes(len(data))
    rgb[0, 0] = 0
    assert np.array_equal(rgb[1:], smooth_rgb()[1:])


LOSSLESS = {
    'rgb8': lambda rgb: rgb,
    'bgr8': lambda rgb: rgb[..., ::-1],
    '8UC3': lambda rgb: rgb[..., ::-1],
    'rgba8': lambda rgb: np.dstack([rgb, np.full(rgb.shape[:2], 9, np.uint8)]),
    'bgra8': lambda rgb: np.dstack([rgb[..., ::-1], np.full(rgb.shape[:2], 9, np.uint8)]),
}


@pytest.mark.parametrize('encoding', LOSSLESS)
@pytest.mark.parametrize('padding', [0, 1, 2, 64])
def test_colour_comes_out_bit_equal_with_any_padding(encoding, padding):
    rgb = smooth_rgb()
    rows = np.ascontiguousarray(LOSSLESS[encoding](rgb)).reshape(HEIGHT, -1)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    fields = HEIGHT, WIDTH, encoding, 1, padded.shape[1]  # big-endian: nothing to swap in bytes
    assert np.array_equal(decode_raw(*fields, padded.tobytes()), rgb)
    without_last = padded.tobytes()[: padded.size - padding]
    assert np.array_equal(decode_raw(*fields, without_last), rgb)


def test_grey_fills_three_channels():
    grey = smooth_rgb()[..., 0]
    rgb = decode_raw(HEIGHT, WIDTH, 'mono8', 0, WIDTH, grey.tobytes())
    assert np.array_equal(rgb, np.dstack([grey] * 3))


@pytest.mark.parametrize('is_bigendian', [0, 1])
@pytest.mark.parametrize('padding', [0, 3])
def test_sixteen_bits_keep_their_upper_half_in_both_byte_orders(is_bigendian, padding):
    grey = smooth_rgb()[..., 0]
    values = (grey.astype(np.uint16) << 8) | 0x7F
    rows = values.astype('>u2' if is_bigendian else '<u2').view(np.uint8)
    rows = np.pad(rows, ((0, 0), (0, padding)))
    rgb = decode_raw(HEIGHT, WIDTH, 'mono16', is_bigendian, rows.shape[1], rows.tobytes())
    assert np.array_equal(rgb, np.dstack([grey] * 3))


BAYER = {
    'rggb': ((0, 1), (1, 2)),
    'bggr': ((2, 1), (1, 0)),
    'gbrg': ((1, 2), (0, 1)),
    'grbg': ((1, 0), (2, 1)),
}


@pytest.mark.parametrize('pattern', BAYER)
@pytest.mark.parametrize('bits', [8, 16])
def test_bayer_patterns_are_named_by_their_first_row(pattern, bits):
    rgb = smooth_rgb()
    mosaic = np.empty((HEIGHT, WIDTH), np.uint16)
    for row in (0, 1):
        for column in (0, 1):
            channel = BAYER[pattern][row][column]
            mosaic[row::2, column::2] = rgb[row::2, column::2, channel]
    stored = mosaic.astype(np.uint8) if bits == 8 else (mosaic << 8).astype('<u2')
    data = stored.tobytes()
    found = decode_raw(HEIGHT, WIDTH, f'bayer_{pattern}{bits}', 0, len(data) // HEIGHT, data)
    inside = np.s_[2:-2, 2:-2]
    assert np.abs(found[inside].astype(int) - rgb[inside]).max() <= 8


@pytest.mark.parametrize(
    ('encodings', 'code'),
    [
        (('yuv422', 'uyvy'), cv2.COLOR_RGB2YUV_UYVY),
        (('yuv422_yuy2', 'yuyv'), cv2.COLOR_RGB2YUV_YUY2),
    ],
)
def test_packed_yuv_comes_out_nearly_equal(encodings, code):
    rgb = smooth_rgb()
    data = cv2.cvtColor(rgb, code).tobytes()
    for encoding in encodings:
        found = decode_raw(HEIGHT, WIDTH, encoding, 0, 2 * WIDTH, data)
        assert np.abs(found.astype(int) - rgb).max() <= 12


def test_yuv_of_odd_width_is_refused():
    assert reason_of(2, 3, 'yuv422', 0, 6, bytes(12)) is BadImageReason.ENCODING


def test_missing_data_are_refused():
    assert reason_of(*raw(smooth_rgb(), data=b'')) is BadImageReason.DATA_SIZE


@pytest.mark.parametrize('change', [-1, 1, 99 * HEIGHT * WIDTH * 3])
def test_too_few_and_too_many_data_are_refused(change):
    data = bytes(HEIGHT * WIDTH * 3 + change)
    assert reason_of(*raw(smooth_rgb(), data=data)) is BadImageReason.DATA_SIZE


@pytest.mark.parametrize('step', [0, 1, WIDTH * 3 - 1])
def test_rows_shorter_than_their_pixels_are_refused(step):
    data = bytes(step * HEIGHT)
    assert reason_of(*raw(smooth_rgb(), step=step, data=data)) is BadImageReason.STEP


@pytest.mark.parametrize(('height', 'width'), [(0, 4), (4, 0), (0, 0)])
def test_images_without_pixels_are_refused(height, width):
    assert reason_of(height, width, 'rgb8', 0, 3 * width, b'') is BadImageReason.EMPTY


def test_claimed_sizes_take_no_memory():
    giant = 2**32 - 1
    assert reason_of(giant, giant, 'rgb8', 0, giant, bytes(60)) is BadImageReason.TOO_LARGE


def test_the_limit_on_pixels_can_be_lowered():
    limit = HEIGHT * WIDTH
    decode_raw(*raw(smooth_rgb()), max_pixels=limit)
    reason = reason_of(*raw(smooth_rgb()), max_pixels=limit - 1)
    assert reason is BadImageReason.TOO_LARGE


@pytest.mark.parametrize(
    'encoding', ['', 'RGB8', 'rgb16', '32FC1', '32FC3', '16UC1', 'nv21', 'x' * 10_000]
)
def test_unknown_encodings_are_refused_in_short_words(encoding):
    with pytest.raises(BadImageError, match='not supported') as caught:
        decode_raw(*raw(smooth_rgb(), encoding))
    assert caught.value.reason is BadImageReason.ENCODING
    assert len(str(caught.value)) < 500


@given(
    height=st.integers(0, 2**32 - 1) | st.integers(0, 9),
    width=st.integers(0, 2**32 - 1) | st.integers(0, 9),
    encoding=st.sampled_from(['rgb8', 'mono16', 'bayer_rggb8', 'yuv422', 'bgra8']) | st.text(),
    is_bigendian=st.integers(0, 255),
    step=st.integers(0, 2**32 - 1) | st.integers(0, 40),
    data=st.binary(max_size=400),
)
def test_no_message_makes_anything_but_an_image_or_a_refusal(
    height, width, encoding, is_bigendian, step, data
):
    try:
        rgb = decode_raw(height, width, encoding, is_bigendian, step, data)
    except BadImageError:
        return
    assert rgb.shape == (height, width, 3)
    assert rgb.dtype == np.uint8


def test_the_check_alone_says_the_same():
    check_raw(HEIGHT, WIDTH, 'rgb8', 3 * WIDTH, 3 * WIDTH * HEIGHT)
    with pytest.raises(BadImageError, match='data must hold'):
        check_raw(HEIGHT, WIDTH, 'rgb8', 3 * WIDTH, 7)


# --- compressed images --------------------------------------------------------------------------


def encoded(suffix, rgb=None, *options):
    bgr = (smooth_rgb() if rgb is None else rgb)[..., ::-1]
    is_done, data = cv2.imencode(suffix, bgr, list(options))
    assert is_done
    return data.tobytes()


def compressed_reason(data, **options):
    return reason_of(data, decode=decode_compressed, **options)


def test_png_comes_out_bit_equal():
    assert np.array_equal(decode_compressed(encoded('.png'), 'png'), smooth_rgb())


@pytest.mark.parametrize('is_progressive', [0, 1])
def test_jpeg_comes_out_nearly_equal(is_progressive):
    data = encoded('.jpg', None, cv2.IMWRITE_JPEG_PROGRESSIVE, is_progressive)
    assert np.abs(decode_compressed(data).astype(int) - smooth_rgb()).max() <= 10


def test_zeros_after_the_end_of_a_jpeg_are_padding():
    assert decode_compressed(encoded('.jpg') + bytes(100)).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(
    ('text', 'agrees'),
    [
        ('', True),
        ('jpg', True),
        ('jpeg', True),
        ('rgb8; jpeg compressed bgr8', True),
        ('x' * 2**20, True),
        ('png', False),
    ],
)
def test_the_data_decide_whatever_the_format_says(text, agrees):
    data = encoded('.jpg')
    assert decode_compressed(data, text).shape == (HEIGHT, WIDTH, 3)
    assert check_compressed(data).agrees_with(text) is agrees


@pytest.mark.parametrize('data', [b'', b'x', b'\xff\xd8\xff', b'hello, world' * 9, bytes(5000)])
def test_what_is_no_image_is_refused(data):
    assert compressed_reason(data) is BadImageReason.DECODE


def test_other_formats_are_refused_though_opencv_reads_them():
    assert compressed_reason(encoded('.bmp')) is BadImageReason.DECODE
    assert compressed_reason(encoded('.webp')) is BadImageReason.DECODE


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@pytest.mark.parametrize('share', np.linspace(0.02, 0.98, 20).round(2))
def test_cut_images_are_refused_wherever_they_are_cut(suffix, share):
    """By our own walk over the file: OpenCV 4.10 makes junk of a cut JPEG."""
    data = encoded(suffix)
    for part in (data[: int(share * len(data))], data[:-1]):
        with pytest.raises(BadImageError) as caught:
            check_compressed(part)
        assert caught.value.reason is compressed_reason(part) is BadImageReason.DECODE


def test_a_jpeg_that_claims_more_pixels_than_allowed_is_refused_undecoded():
    data = bytearray(encoded('.jpg'))
    start = data.index(b'\xff\xc0') + 5
    data[start : start + 4] = (30_000).to_bytes(2) * 2
    assert compressed_reason(bytes(data)) is BadImageReason.TOO_LARGE


def test_a_png_that_claims_more_pixels_than_allowed_is_refused_undecoded():
    data = bytearray(encoded('.png'))
    data[16:24] = (60_000).to_bytes(4) * 2
    assert compressed_reason(bytes(data)) is BadImageReason.TOO_LARGE


def test_a_size_that_does_not_fit_the_data_is_refused():
    data = bytearray(encoded('.png'))
    data[16:20] = (WIDTH + 1).to_bytes(4)
    assert compressed_reason(bytes(data)) is BadImageReason.DECODE


def test_grey_and_sixteen_bit_images_become_colour():
    grey = smooth_rgb()[..., 0]
    rgb = decode_compressed(cv2.imencode('.png', grey)[1].tobytes())
    assert np.array_equal(rgb, np.dstack([grey] * 3))
    deep = cv2.imencode('.png', grey.astype(np.uint16) * 257)[1].tobytes()
    assert np.array_equal(decode_compressed(deep), rgb)


def test_exif_rotation_is_ignored_for_the_camera_frame_counts():
    plain = encoded('.jpg')
    # One entry: tag 0x0112 (orientation), one short, value 6 (turn right by 90 degrees).
    tiff = b'II*\0\x08\0\0\0' + b'\x01\0' + b'\x12\x01\x03\0\x01\0\0\0\x06\0\0\0' + bytes(4)
    exif = b'Exif\0\0' + tiff
    turned = plain[:2] + b'\xff\xe1' + (len(exif) + 2).to_bytes(2) + exif + plain[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape[0] == WIDTH
    assert np.array_equal(decode_compressed(turned), decode_compressed(plain))


def saved(picture, kind, **options):
    stream = io.BytesIO()
    PIL.Image.fromarray(picture).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(('kind', 'worst'), [('png', 0), ('mpo', 10)])
def test_of_several_pictures_in_one_file_the_first_counts(kind, worst):
    """Animated PNG, and the JPEGs of stereo cameras."""
    second = PIL.Image.fromarray(255 - smooth_rgb())
    data = saved(smooth_rgb(), kind, save_all=True, append_images=[second])
    assert kind != 'png' or b'acTL' in data
    assert np.abs(decode_compressed(data).astype(int) - smooth_rgb()).max() <= worst


def test_printers_colours_become_rgb():
    stream = io.BytesIO()
    PIL.Image.fromarray(smooth_rgb()).convert('CMYK').save(stream, 'jpeg')
    assert np.abs(decode_compressed(stream.getvalue()).astype(int) - smooth_rgb()).max() <= 10


@given(st.data())
def test_no_damage_makes_anything_but_an_image_or_a_refusal(data):
    image = bytearray(encoded(data.draw(st.sampled_from(['.jpg', '.png']))))
    for _ in range(data.draw(st.integers(1, 5))):
        image[data.draw(st.integers(0, len(image) - 1))] = data.draw(st.integers(0, 255))
    try:
        rgb = decode_compressed(bytes(image), max_pixels=10_000)
    except BadImageError:
        return
    assert rgb.ndim == 3
    assert rgb.shape[0] * rgb.shape[1] <= 10_000
