"""Stands in for Rasa's own program: `train nlu` packs the project it is given, `run` serves what was packed."""

from __future__ import annotations

import argparse
import asyncio
import io
import sys
import tarfile
from pathlib import Path

from bot.simulators.rasa.reader import Reader
from bot.simulators.rasa.service import RasaService, simulator
from bot.simulators.serving import until_interrupted


def main() -> None:
    parser = argparse.ArgumentParser(prog="rasa")
    verbs = parser.add_subparsers(dest="verb", required=True)
    train = verbs.add_parser("train")
    train.add_argument("what", choices=["nlu"])
    for option in ("--nlu", "--config", "--domain", "--out", "--fixed-model-name"):
        train.add_argument(option, required=True)
    run = verbs.add_parser("run")
    run.add_argument("--enable-api", action="store_true", required=True)
    run.add_argument("-i", dest="host", required=True)
    run.add_argument("-p", dest="port", type=int, required=True)
    run.add_argument("-m", dest="model", type=Path, required=True)
    run.add_argument("--auth-token", default="")
    options = parser.parse_args()
    (_train if options.verb == "train" else _run)(options)


def _train(options: argparse.Namespace) -> None:
    """As Rasa shows it: a bar that is drawn again and again, and then where the model is."""
    for needed in (options.config, options.domain):
        if not Path(needed).is_file():
            sys.exit(f"The path '{needed}' does not exist.")
    made = Path(options.out) / f"{options.fixed_model_name}.tar.gz"
    made.parent.mkdir(exist_ok=True)
    with tarfile.open(made, "w:gz") as pack:
        for file in sorted(Path(options.nlu).rglob("*.yml")):
            written = file.read_bytes()
            about = tarfile.TarInfo(f"data/{file.name}")
            about.size = len(written)
            pack.addfile(about, io.BytesIO(written))
    for part in (0, 40, 100):
        sys.stderr.write(f"\rEpochs: {part:3}%|{'█' * (part // 10):<10}| {part}/100 [00:00<00:00]")
    sys.stderr.write(f"\nYour Rasa model is trained and saved at '{made}'.\n")


def _run(options: argparse.Namespace) -> None:
    with tarfile.open(options.model) as pack:
        files = {one.name: (pack.extractfile(one) or io.BytesIO()).read().decode() for one in pack.getmembers()}
    service = RasaService(options.auth_token)
    service.load(options.model.name.removesuffix(".tar.gz"), Reader(files))
    asyncio.run(until_interrupted(simulator(service), options.host, options.port))


if __name__ == "__main__":
    main()
