"""The model card that goes with every trained model."""

import json

from scripts.records import Record


def model_card(record: Record, names: dict[str, str], results: dict) -> str:
    """Markdown with a YAML header: base, data hashes, encoding, tokens seen, losses and licence note.

    Args:
        record: of the run.
        names: base and train_file as the user named them.
        results: steps, tokens, losses, encoding and run.
    """
    base, rank, overrides = names["base"], record.settings["lora_r"], record.settings["config_overrides"]
    losses = [f"{results[key]:.4f}" if key in results else "not measured" for key in ("initial_loss", "final_loss")]
    data = "\n".join(f"- `{name}`: sha256 `{digest}`" for name, digest in record.inputs.items())
    encoding = ", ".join(f"{name} `{value}`" for name, value in results["encoding"].items()) or "not recorded"
    title, origin = f"{base}, continually pre-trained on", f"base_model: {base}\n"
    if overrides is not None:
        title, origin = f"{base} ({overrides or 'unchanged'}), trained from scratch on", ""
    return f"""---
{origin}library_name: {"peft" if rank else "transformers"}
tags: [code, continual-pre-training, cert]
---
# {title} `{names["train_file"]}`

- trained: {f"LoRA, rank {rank}" if rank else "all weights"}; {results["steps"]} steps, {results["tokens"]} tokens
- held-out loss: {losses[0]} before, {losses[1]} after
- encoding: {encoding}
- licence: the base model's terms hold; the corpus folder's `corpus_stats.json` lists the licences of the training documents

Inputs:
{data}

```json
{json.dumps(results["run"], indent=2)}
```
"""
