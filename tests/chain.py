"""``python -m tests.chain OUT``: everything that a laboratory does with ROSE-7B, at small size.

Small checkpoints of LLaVA-OneVision and SAM, written in the publishers' formats; ``rose init``;
training by DeepSpeed in two processes on the publishers' own samples and on streets, stopped and
resumed on the way; ``rose merge``; ``rose eval --table2`` on ADE20k's, COCO's and RefCOCO's
formats; the ROS 2 node.  The figures mean nothing: the model is a toy, its language tower
random.  ``ROSE_TEST_DATA`` names the folder with the samples.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file

from benchmarks.node_bench import NODE, Load, running_node
from rose_model.training.log import LOG_FILE
from rose_model.training.recipe import DataPart, Recipe, StageRecipe
from tests.model.conversion.conftest import INPUT_SIZE, build_llava, build_sam, write_llava

ROSE = ['-m', 'rose_model']
SCENES = 24
PROCESSES = 2


class ChainError(RuntimeError):
    """A link of the chain does not hold; the text says which."""


def run_chain(out: Path, samples: Path, steps: int) -> None:
    """Every link, with its time.

    Raises:
        ChainError: one does not hold.
    """
    torch.manual_seed(0)
    with timed('the publishers: LLaVA-OneVision in shards, SAM'):
        write_llava(out / 'llava', build_llava())
        torch.save(build_sam().state_dict(), out / 'sam_vit_t.pth')
    with timed('rose init'):
        sources = ['--lmm', str(out / 'llava'), '--sam', str(out / 'sam_vit_t.pth')]
        size = ['--input-size', str(INPUT_SIZE)]
        python(*ROSE, 'init', *sources, *size, str(out / 'start'))
    with timed('rose data streets, rose data check'):
        data = out / 'data'
        python(*ROSE, 'data', 'streets', str(data / 'streets'), '--scenes', str(SCENES))
        for name in ('ade20k', 'coco'):
            shutil.copytree(samples / 'formats' / name, data / name)
        python(*ROSE, 'data', 'check', str(data))
    with timed(f'{steps} steps in {PROCESSES} processes, straight'):
        straight = train(out / 'straight', recipe(out, steps), out)
    with timed('the same, stopped in the middle and resumed'):
        train(out / 'run', recipe(out, steps // 2), out)
        resumed = train(out / 'run', recipe(out, steps), out, '--resume')
    require_equal(straight, resumed)
    require_falling(out / 'run' / LOG_FILE)
    with timed('rose merge'):
        python(*ROSE, 'merge', str(out / 'run'), str(out / 'rose'))
    keep_all(out / 'rose' / 'config.json')
    with timed('rose eval --table2'):
        table = out / 'table2.json'
        python(
            *ROSE,
            'eval',
            '--preset',
            str(out / 'rose'),
            '--table2',
            str(data),
            '--json',
            str(table),
        )
        require_formats(table)
    with timed('the node'):
        run_node(out / 'rose')


def recipe(out: Path, steps: int) -> Recipe:
    """Of a rate that does not fall, so that a run of fewer steps is the beginning of a longer."""
    data = out / 'data'
    stage = StageRecipe(
        steps=steps,
        batch_size=PROCESSES,
        micro_batch=1,
        learning_rate=1e-3,
        warmup_steps=10,
        schedule='linear',
        final_rate=1.0,
        data=(
            DataPart(format='ade20k', root=data / 'ade20k', split='validation'),
            DataPart(format='coco', root=data / 'coco', split='val2017'),
            DataPart(format='streets', rate=2),
        ),
    )
    return Recipe(
        start=str(out / 'start'),
        ema_decay=0.0,
        lora='paper',
        gradient_checkpointing=True,
        whole=stage,
    )


def train(folder: Path, plan: Recipe, out: Path, *options: str) -> dict[str, torch.Tensor]:
    """Run ``rose train`` under ``torchrun``; the tensors of the model that came of it."""
    file = out / f'recipe-{plan.whole.steps}.yaml'
    file.write_text(plan.dump())
    launcher = ['-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', str(PROCESSES)]
    python(*launcher, *ROSE, 'train', str(file), '--out', str(folder), *options)
    return load_file(folder / 'rose' / 'model.safetensors')


def keep_all(config: Path) -> None:
    """A toy is sure of nothing: let it keep some patches all the same."""
    record = json.loads(config.read_text())
    record['patch_filter'] |= {'min_objectness': 0.0, 'max_segments': 10}
    config.write_text(json.dumps(record))


def require_equal(straight: dict[str, torch.Tensor], resumed: dict[str, torch.Tensor]) -> None:
    """To the last bit."""
    different = [name for name, t in straight.items() if not torch.equal(t, resumed[name])]
    if different or straight.keys() != resumed.keys():
        raise ChainError(f'{len(different)} tensors differ after the resumption: {different[:3]}.')


def require_falling(log: Path) -> None:
    """The mean loss of the last quarter is below that of the first."""
    losses = [json.loads(line)['loss'] for line in log.read_text().splitlines()]
    quarter = max(1, len(losses) // 4)
    first, last = (sum(part) / quarter for part in (losses[:quarter], losses[-quarter:]))
    print(f'    loss {first:.3f} at first, {last:.3f} at last')
    if not last < first:
        raise ChainError(f'The loss does not fall: {losses}.')


def require_formats(table: Path) -> None:
    """A row of each benchmark, of finite figures."""
    rows = json.loads(table.read_text())['rows']
    for row in rows:
        print(f'    {row["name"]}: {row["items"]} items, {row["key"]} {row[row["key"]]}')
    absent = {'miou', 'coco_ap', 'refer_ciou'} - {row['key'] for row in rows}
    if absent:
        raise ChainError(f'No row has {sorted(absent)}.')


def run_node(model: Path) -> None:
    """Images come in, and one message for each goes out."""
    with running_node(NODE, model=model) as bench:
        outcome = bench.play(Load(5, 2, (320, 240)))
    sent, processed = (sum(count.values()) for count in (outcome.sent, outcome.processed))
    print(f'    {processed} of {sent} images, p50 {outcome.percentile_ms(50):.0f} ms')
    if processed != sent or outcome.unaccounted:
        raise ChainError(f'{processed} of {sent} images came back.')


def python(*arguments: str) -> None:
    """Run Python; what it prints is shown where it fails.

    Raises:
        ChainError: it does.
    """
    done = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ChainError(f'{" ".join(arguments)}:\n{done.stdout}{done.stderr}')


@contextmanager
def timed(link: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    begin_s = time.monotonic()
    print(link, flush=True)
    yield
    print(f'    {time.monotonic() - begin_s:.0f} s', flush=True)


def main() -> None:
    """The whole chain; exit code 1 where a link does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('out', type=Path, help='a new folder')
    parser.add_argument('--steps', type=int, default=200)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True)
    begin_s = time.monotonic()
    try:
        run_chain(arguments.out, Path(os.environ['ROSE_TEST_DATA']), arguments.steps)
    except ChainError as error:
        sys.exit(str(error))
    print(f'All of it held, in {time.monotonic() - begin_s:.0f} s.')


if __name__ == '__main__':
    main()
