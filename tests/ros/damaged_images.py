"""Damaged pictures of every common kind, made from good ones by fixed random numbers.

python damaged_images.py OUT [PICTURE ...]
"""

import io
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from rose_model.data.streets import render_scene

SIZE = (320, 240)
CUTS = 20
JPEG = {'jpeg', 'progressive', 'grey-jpeg', 'cmyk', 'mpo'}
READ = JPEG | {'png', 'palette', 'deep', 'bits', 'apng'}
"""Kinds that are JPEG or PNG; the others have to be refused though OpenCV reads them."""


def saved(picture, kind, **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def files_of(picture):
    """One whole file of each kind."""
    grey = picture.convert('L')
    turned = picture.rotate(180)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    return {
        'jpeg': saved(picture, 'jpeg', quality=90),
        'progressive': saved(picture, 'jpeg', progressive=True),
        'grey-jpeg': saved(grey, 'jpeg'),
        'cmyk': saved(picture.convert('CMYK'), 'jpeg'),
        'mpo': saved(picture, 'mpo', save_all=True, append_images=[turned]),
        'png': saved(picture, 'png'),
        'palette': saved(picture.quantize(200), 'png'),
        'deep': saved(deep, 'png'),
        'bits': saved(picture.convert('1'), 'png'),
        'apng': saved(picture, 'png', save_all=True, append_images=[turned]),
        'webp': saved(picture, 'webp'),
        'gif': saved(picture, 'gif'),
        'bmp': saved(picture, 'bmp'),
        'tiff': saved(picture, 'tiff', compression='tiff_lzw'),
        'jpeg2000': saved(picture, 'jpeg2000'),
        'avif': saved(picture, 'avif'),
        'ppm': saved(picture, 'ppm'),
    }


def damages(whole, rng):
    """Name and bytes of each damaged file, made of a whole one."""
    for number in range(CUTS):
        yield f'cut{number}', whole[: (number + 1) * len(whole) // (CUTS + 2)]
    middle = int(rng.integers(len(whole) // 4, len(whole) // 2))
    yield 'zeros', whole[:middle] + bytes(200) + whole[middle + 200 :]
    yield 'gap', whole[:middle] + whole[middle + 500 :]
    yield 'twice', whole[:middle] + whole[middle // 2 :]
    yield 'junk', whole[:middle] + rng.bytes(300) + whole[middle:]
    yield 'head', whole[:12] + rng.bytes(8) + whole[20:]
    counts = [(1, 80), (3, 80), (4, 0), (16, 0), (64, 0), (256, 0)]
    for number, (changes, end) in enumerate(counts):
        changed = bytearray(whole)
        for place in rng.integers(4, min(end or len(whole), len(whole)), changes):
            changed[place] = int(rng.integers(256))
        yield f'bytes{number}', bytes(changed)
        if whole.startswith(b'\x89PNG'):  # what is wrong has right checksums
            yield f'resealed{number}', resealed(bytes(changed))
    if b'PLTE' in whole:
        yield 'colours', short_palette(whole)


def chunks(png):
    """Kind and content of each chunk, as far as their lengths make sense."""
    place = 8
    while place + 12 <= len(png):
        length = int.from_bytes(png[place : place + 4])
        yield png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        place += 12 + length


def sealed(parts):
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)
        for kind, content in parts
    )


def resealed(png):
    return sealed(chunks(png))


def short_palette(png):
    """Two colours, where the pixels speak of two hundred."""
    return sealed(
        (kind, content[:6] if kind == b'PLTE' else content) for kind, content in chunks(png)
    )


def write(out, pictures):
    """Write ``<picture>.<kind>.<damage>`` files; their number."""
    rng = np.random.default_rng(22)
    count = 0
    for number, picture in enumerate(pictures):
        for kind, whole in files_of(picture).items():
            for damage, data in [('none', whole), *damages(whole, rng)]:
                (out / f'{number}.{kind}.{damage}').write_bytes(data)
                count += 1
    return count


def main(out, *pictures):
    street = Image.fromarray(render_scene(7, SIZE[::-1], things=(4, 8)).image)
    real = [Image.open(path).convert('RGB').resize(SIZE) for path in pictures]
    print(write(Path(out), [street, *real]))


if __name__ == '__main__':
    main(*sys.argv[1:])
