"""run_cert.py under the settings of configs/accelerate/fsdp.yaml, on CPUs; started by torchrun, see test_distributed.py.

accelerate shards models of GPU launches only, so it is told that this is one; PyTorch's FSDP itself does not mind.
"""

import os
import sys
from pathlib import Path

import accelerate.state
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DistributedType
from accelerate.utils.launch import prepare_multi_gpu_env

import run_cert

CONFIG = Path(__file__).resolve().parents[2] / "configs/accelerate/fsdp.yaml"


def launch_settings() -> dict[str, str]:
    """The environment variables that `accelerate launch` makes of the file, in float32."""
    flags = ["--config_file", str(CONFIG), "--mixed_precision", "no", "run_cert.py"]
    made = prepare_multi_gpu_env(_validate_launch_command(launch_command_parser().parse_args(flags))[0])
    return {name: value for name, value in made.items() if name.startswith(("FSDP_", "ACCELERATE_"))}


def main() -> int:
    os.environ.update(launch_settings())
    initialise = accelerate.state.PartialState.__init__

    def as_if_on_gpus(state, *args, **kwargs) -> None:
        initialise(state, *args, **kwargs)
        if state.distributed_type == DistributedType.MULTI_CPU:
            state.distributed_type = DistributedType.MULTI_GPU

    accelerate.state.PartialState.__init__ = as_if_on_gpus
    code = run_cert.main(sys.argv[1:])
    assert accelerate.state.AcceleratorState().distributed_type == DistributedType.FSDP
    return code


if __name__ == "__main__":
    sys.exit(main())
