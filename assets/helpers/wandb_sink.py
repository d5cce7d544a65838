"""Feeds a run of Weights & Biases (https://wandb.ai) with what a training tells on standard input.

Started by the training (simscale/train/wandb_sink.cc). Standard input is a socket: lines of JSON come in,
some followed by as many bytes as they say; lines {"ready" | "warning" | "error": text} go back. W&B's own
settings (login, WANDB_PROJECT, WANDB_ENTITY, WANDB_MODE=offline, ...) hold. When the training is gone, the
run ends.
"""

from __future__ import annotations

import io
import json
import os
import socket
import sys
from pathlib import Path


def open_channel() -> socket.socket:
    """Standard input as a socket that processes of W&B's do not inherit: its end must be seen."""
    channel = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return channel


class Run:
    """W&B's run, and the training's messages to it."""

    def __init__(self, say, message: dict) -> None:
        import wandb
        import yaml

        self.wandb = wandb
        self.say = say
        self.checkpoints = message["checkpoints"]
        folder = Path(message["run_dir"])
        with (folder / "config.yaml").open() as file:
            config = yaml.safe_load(file)
        self.run = wandb.init(
            id=message["id"],
            resume="allow",
            project=message["project"] or os.environ.get("WANDB_PROJECT") or "simscale",
            name=os.environ.get("WANDB_NAME") or folder.name,
            job_type="rl" if "ppo" in config else "train",
            dir=str(folder),
            config=config,
            # What is done again after a kill comes with steps that W&B has seen: the training's step is a
            # metric like others, by which they are drawn.
            settings=wandb.Settings(console="off", silent=True, x_stats_pid=message["pid"]),
        )
        self.run.define_metric("step", hidden=True)
        self.run.define_metric("*", step_metric="step")
        self.run.define_metric("eval/success_rate", step_metric="step", summary="max,last")
        self.say("ready", self.run.url or f"offline run in {Path(self.run.dir).parent}")

    def add(self, message: dict, values: dict) -> None:
        self.run.log({"step": message["step"], **values})

    def take_metrics(self, message: dict, _: bytes) -> None:
        self.add(message, {name: float("nan") if x is None else x for name, x in message["values"].items()})

    def take_histogram(self, message: dict, _: bytes) -> None:
        counts, low, high = message["counts"], message["min"], message["max"]
        edges = [low + (high - low) * i / len(counts) for i in range(len(counts) + 1)]
        self.add(message, {message["tag"]: self.wandb.Histogram(np_histogram=(counts, edges))})

    def take_picture(self, message: dict, data: bytes) -> None:
        from PIL import Image

        self.add(message, {message["tag"]: self.wandb.Image(Image.open(io.BytesIO(data)))})

    def take_video(self, message: dict, _: bytes) -> None:
        self.add(message, {message["tag"]: self.wandb.Video(message["path"], format="mp4")})

    def take_checkpoint(self, message: dict, _: bytes) -> None:
        if self.checkpoints == "none" or (self.checkpoints == "best" and not message["best"]):
            return
        step = message["step"]
        # Unevaluated checkpoints have a success rate of -1.
        metadata = {"step": step}
        if message["success_rate"] >= 0:
            metadata["success_rate"] = message["success_rate"]
        artifact = self.wandb.Artifact(f"policy-{self.run.id}", type="model", metadata=metadata)
        artifact.add_dir(message["path"])
        aliases = ["latest", f"step_{step}", *(["best"] if message["best"] else [])]
        self.run.log_artifact(artifact, aliases=aliases)

    def finish(self, message: dict) -> None:
        if not message["complete"]:
            self.run.mark_preempting()
        self.run.finish(exit_code=0 if message["complete"] else 1)


def main() -> int:
    channel = open_channel()

    def say(kind: str, text: object) -> None:
        line = json.dumps({kind: " ".join(str(text).split())}) + "\n"
        try:
            channel.sendall(line.encode())
        except OSError:  # the training is gone
            print(line, end="", file=sys.stderr, flush=True)

    messages = channel.makefile("rb")
    run = None
    try:
        run = Run(say, json.loads(messages.readline()))
        while line := messages.readline():
            message = json.loads(line)
            data = messages.read(message.get("bytes", 0))
            if message["do"] == "finish":
                run.finish(message)
                return 0
            try:
                getattr(run, "take_" + message["do"])(message, data)
            except Exception as error:
                # A checkpoint that a better one has replaced meanwhile, or the like.
                say("warning", f"{message['do']} of step {message['step']} is left out: {error}")
        run.run.finish(exit_code=1)  # the training was killed
    except Exception as error:
        say("error", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
